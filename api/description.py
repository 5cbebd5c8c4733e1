"""The OpenAPI document, with whole examples.

FastAPI leaves every null out of the document, also where an example is meant to show one, and
sorts the names in it. Here each example gets all of its schema's names back, in their order.
"""

from typing import Any

from fastapi import FastAPI

from api.tables import MEDIA, Form

Json = dict[str, Any]


class DescribedApi(FastAPI):
    """A FastAPI application whose /openapi.json shows answers as they come."""

    def openapi(self) -> Json:
        """Return the document, made once."""
        if self.openapi_schema is None:
            told = super().openapi()
            for operations in told["paths"].values():
                _as_tables(operations.get("get", {}))
            schemas = told["components"]["schemas"]
            for schema in schemas.values():
                if "examples" in schema:
                    schema["examples"] = [
                        _whole(one, schema, schemas) for one in schema["examples"]
                    ]
        return super().openapi()


def _as_tables(operation: Json) -> None:
    """Describe the tables of a question that can be answered with one."""
    if "format" not in {one["name"] for one in operation.get("parameters", ())}:
        return
    content = operation["responses"]["200"]["content"]
    for form, media in MEDIA.items():
        text: Json = {"type": "string"}
        if form in (Form.ARROW, Form.PARQUET):
            text["contentMediaType"] = "application/octet-stream"
        content.setdefault(media, {"schema": text})


def _whole(example: Any, schema: Json, schemas: Json) -> Any:
    """Return an example with every name of its schema; null where it has none."""
    if reference := schema.get("$ref"):
        schema = schemas[reference.rpartition("/")[2]]
    if isinstance(example, list):
        return [_whole(one, schema.get("items", {}), schemas) for one in example]
    if not isinstance(example, dict) or "properties" not in schema:
        return example
    named = schema["properties"].items()
    return {name: _whole(example.get(name), own, schemas) for name, own in named}
