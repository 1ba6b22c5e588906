import { type JsonObject, type JsonValue, rawNumber } from '../util/json.ts';
import { toGoTimestamp } from './timestamp.ts';
import { isNull, type YamlNode, type YamlScalar } from './yaml.ts';

/** What a plain YAML scalar means where types matter: arguments of a request, and numbers such as a file mode. */

/**
 * A node as JSON, plain scalars typed as Go's yaml.v3 types them (the Go providers send them so): YAML 1.1 octal `0644` and
 * `0o644` are numbers, a date is a time, `yes` and `no` are text.
 */
export function toJson(node: YamlNode): JsonValue {
  if (node.kind === 'list') return node.items.map(toJson);
  if (node.kind === 'map') {
    const object: JsonObject = {};
    // defineProperty: a key named __proto__ is a key.
    for (const { key, value } of node.entries) {
      Object.defineProperty(object, key, {
        value: toJson(value),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
    return object;
  }
  return scalarToJson(node);
}

function scalarToJson(node: YamlScalar): JsonValue {
  if (!node.plain) return node.text;
  if (isNull(node)) return null;
  if (/^(?:true|True|TRUE)$/.test(node.text)) return true;
  if (/^(?:false|False|FALSE)$/.test(node.text)) return false;
  const integer = toGoInteger(node);
  if (integer !== undefined) return rawNumber(integer.toString());
  const float = toGoFloat(node.text);
  return float === undefined ? (toGoTimestamp(node.text) ?? node.text) : rawNumber(float);
}

/**
 * A float64 as encoding/json writes it. In the range of exponents that both write without one, and in the form of those that they
 * do not, JavaScript agrees with it.
 */
function toGoFloat(text: string): string | undefined {
  const digits = withoutUnderscores(text);
  if (!/^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/.test(digits)) return undefined;
  const number = Number(digits);
  if (!Number.isFinite(number)) return undefined;
  return Object.is(number, -0) ? '-0' : String(number);
}

/**
 * A plain scalar as yaml.v3 resolves integers (`420`, `0644`, `0o644`, `0x1a4`, `0b1`, `1_000`); undefined if it is none, or
 * outside of 64 bits, where Go goes on with floats.
 */
export function toGoInteger(node: YamlScalar): bigint | undefined {
  if (!node.plain) return undefined;
  const match = /^([-+]?)(0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|0|[1-9][0-9]*)$/.exec(
    withoutUnderscores(node.text),
  );
  const digits = match?.[2];
  // 64 binary digits and a prefix; BigInt would take long for 100 000.
  if (digits === undefined || digits.length > 66) return undefined;
  const absolute = /^0[0-7]+$/.test(digits) ? BigInt(`0o${digits.slice(1)}`) : BigInt(digits.toLowerCase());
  const value = match?.[1] === '-' ? -absolute : absolute;
  return value >= -(2n ** 63n) && value < 2n ** 64n ? value : undefined;
}

/** Go's reading of numbers skips them, unless the text begins with one. */
function withoutUnderscores(text: string): string {
  return text.startsWith('_') ? text : text.replaceAll('_', '');
}

/** `true` and `false` only; undefined for anything else. */
export function toBoolean(node: YamlScalar): boolean | undefined {
  if (/^(?:true|True|TRUE)$/.test(node.text)) return true;
  if (/^(?:false|False|FALSE)$/.test(node.text)) return false;
  return undefined;
}

/** The vocabulary of Go's strconv.ParseBool; undefined for anything else. */
export function parseGoBool(text: string): boolean | undefined {
  if (/^(?:1|t|T|TRUE|true|True)$/.test(text)) return true;
  if (/^(?:0|f|F|FALSE|false|False)$/.test(text)) return false;
  return undefined;
}
