import { type JsonObject, type JsonValue, rawNumber } from '../util/json.ts';
import { isNull, type YamlNode, type YamlScalar } from './yaml.ts';

/** What a plain YAML scalar means where types matter: arguments of a request, and numbers such as a file mode. */

/**
 * A node as JSON, plain scalars typed as Go's yaml.v3 types them (the Go providers send them so): YAML 1.1 octal `0644` and
 * `0o644` are numbers, `yes` and `no` are text.
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
  if (/^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/.test(node.text)) return floatToJson(node.text);
  return node.text;
}

function floatToJson(text: string): JsonValue {
  const number = Number(text);
  return Number.isFinite(number) ? rawNumber(goFloat(number)) : text;
}

/** As encoding/json writes a float64: exponent form below 1e-6 and from 1e21 on, as JavaScript does, but `1e-09` is `1e-9`. */
function goFloat(number: number): string {
  return String(number === 0 ? 0 : number);
}

/** A plain scalar as yaml.v3 resolves integers (`420`, `0644`, `0o644`, `0x1a4`, `0b1`, `1_000`); undefined if it is none. */
export function toGoInteger(node: YamlScalar): bigint | undefined {
  if (!node.plain) return undefined;
  const match = /^([-+]?)(0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|0|[1-9][0-9]*)$/.exec(
    node.text.replaceAll('_', ''),
  );
  if (match?.[2] === undefined) return undefined;
  const digits = match[2];
  const value = /^0[0-7]+$/.test(digits) ? BigInt(`0o${digits.slice(1)}`) : BigInt(digits.toLowerCase());
  return match[1] === '-' ? -value : value;
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
