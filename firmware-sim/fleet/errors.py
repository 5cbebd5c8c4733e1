"""What can go wrong while streams are made, read or published.

FleetError
├── EncodingError      a value doesn't fit the wire format
├── RecordingError     a recording can't be read or written; names file and line, or the byte
├── TableError         a table can't be read as a meter or sensor; names file and, if known, line
├── TopicError         a topic filter or a rule for topics that MQTT doesn't allow
├── ScenarioError      a scenario makes no sense; names file, line and key
├── TruthError         the truth of a run can't be written or read; names the folder and what lacks
├── ScoreError         a run can't be scored: nobody answers, or there is nothing to compare
├── BrokerAbsentError  no connection could be made; names the address and what to do
└── BrokerLostError    the connection broke; what was acknowledged until then is safe
"""


class FleetError(Exception):
    """Everything that this package raises on purpose; its text is for a person."""


class EncodingError(FleetError):
    """A value that the format can't carry: out of range, or of an unknown kind."""


class RecordingError(FleetError):
    """A recording that can't be read or written."""


class TableError(FleetError):
    """A table that can't be read as a meter or a sensor."""


class TopicError(FleetError):
    """A topic filter, or a rule for topics, that can't be used."""


class ScenarioError(FleetError):
    """A scenario that makes no sense; names the file, the line and the key."""


class TruthError(FleetError):
    """A folder that holds no whole truth, or rows that don't belong into one."""


class ScoreError(FleetError):
    """A comparison that can't be made."""


class BrokerAbsentError(FleetError):
    """No MQTT broker answered, or it refused the connection."""


class BrokerLostError(FleetError):
    """The broker went away in the middle."""
