/**
 * JSON as Go's `json.Marshal` writes a `map[string]string`: keys sorted by bytes, and `<`, `>`, `&`, U+2028 and U+2029
 * escaped. The driver sends attributes and secrets in this form.
 */
export function goJson(value: Record<string, string>): string {
  const keys = Object.keys(value).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const members = keys.map((key) => `${JSON.stringify(key)}:${JSON.stringify(value[key])}`);
  return `{${members.join(',')}}`.replace(/[<>&\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
