/**
 * Building the page out of nodes.
 *
 * Names, topics and sentences come from the wire, so text only ever becomes a text node: nothing
 * in this folder parses a string as HTML.
 */

/**
 * Return a new element.
 *
 * `attributes` are set as attributes; `text` sets the text, `on` maps events to listeners, and
 * null, undefined and false leave an attribute away. Children are nodes or strings.
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") node.textContent = value;
    else if (name === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children);
  return node;
}

/** Return the element with this id; a missing one is a fault of index.html and says so. */
export function byId(id) {
  const node = document.getElementById(id);
  if (!node) throw new Error(`index.html has no element "${id}"`);
  return node;
}

/** Set a node's text only when it differs, so that ticking ages don't repaint what stands still. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Set or (with null) remove an attribute only when it differs. */
export function setAttribute(node, name, value) {
  if (value === null) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** Put exactly these children into a parent, moving as few nodes as possible, so focus survives. */
export function place(parent, children) {
  let at = parent.firstChild;
  for (const child of children) {
    if (child === at) at = at.nextSibling;
    else parent.insertBefore(child, at);
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

/** Show a state (loading, empty, error) in a box: a sentence, and a button where one helps. */
export function showState(box, kind, sentence, action = null) {
  if (kind === null) {
    box.hidden = true;
    box.replaceChildren();
    return;
  }
  box.hidden = false;
  box.className = `state state-${kind}`;
  const parts = [el("p", { text: sentence })];
  if (action) {
    parts.push(el("button", { type: "button", text: action.label, on: { click: action.run } }));
  }
  box.replaceChildren(...parts);
}
