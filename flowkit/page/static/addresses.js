// What the API is asked by: addresses, and the error for an answer that is not what was asked for.
// Pure: it asks nothing.

/** An answer that is not the document that was asked for. `parameter`: the run parameter that it is about. */
export class Refused extends Error {
  constructor(status, type, message, parameter = null) {
    super(message);
    this.status = status;
    this.type = type;
    this.parameter = parameter;
  }
}

/** Return the address of a path with its query, without what is empty. */
export function address(path, query = {}) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const part of [value].flat()) {
      if (part !== null && part !== undefined && part !== "") parameters.append(name, part);
    }
  }
  const text = parameters.toString();
  return text ? `${path}?${text}` : path;
}

/** Return the part of a path for a name that anybody may have chosen. */
export const part = (name) => encodeURIComponent(name);
