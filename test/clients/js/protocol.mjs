// What the two programs in JavaScript share: cases in, one line of observation a case out. See ../protocol.py.
import { readFileSync } from "node:fs";

export class Unsupported extends Error {}

function resolved(value, answers) {
  if (Array.isArray(value)) return value.map((member) => resolved(member, answers));
  if (value && typeof value === "object") {
    if ("$bytes" in value) return new Uint8Array(Buffer.from(value.$bytes, "base64"));
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, resolved(member, answers)]));
  }
  if (typeof value !== "string") return value;
  return value.replace(/\$\{([a-z_.]+)\.([A-Za-z]+)\}/g, (all, name, member) => answers[name]?.[member] ?? all);
}

// Blobs as text; dates become ISO 8601 by themselves.
const plain = (key, value) => (value instanceof Uint8Array ? Buffer.from(value).toString() : value);

// All events of a stream, and the error that it ended with.
export async function collect(stream, convert = (event) => event) {
  const events = [];
  try {
    for await (const event of stream) events.push(convert(event));
  } catch (error) {
    return { events, broke: error };
  }
  return { events };
}

export async function serve(observe, errorOf) {
  const answers = {};
  for (const one of JSON.parse(readFileSync(0, "utf8")).cases) {
    one.request = resolved(one.request, answers);
    let observed;
    try {
      const { broke, ...seen } = await observe(one);
      observed = broke ? { ...seen, ...errorOf(broke) } : seen;
    } catch (error) {
      observed = error instanceof Unsupported ? { unsupported: error.message } : errorOf(error);
    }
    answers[one.case] = observed.answer ?? {};
    console.log(JSON.stringify({ case: one.case, ...observed }, plain));
  }
}
