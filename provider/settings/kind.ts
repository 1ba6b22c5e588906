/** What reading a text gives: the value, or why it is none. A problem never quotes the text. */
export type Read<T> = { readonly value: T } | { readonly problem: string };

/** How the texts of a setting become its value, wherever they come from. */
export interface Kind<T> {
  /** For help and docs: `path`, `duration`. */
  readonly form: string;
  /** Takes several texts: a repeated flag, commas, a list in the file. */
  readonly many: boolean;
  /** A flag of this kind may stand alone, meaning `true`. */
  readonly alone: boolean;
  /** `texts` has one element unless `many`. */
  readonly read: (texts: readonly string[]) => Read<T>;
  /** A value as a user would write it. A method, so that kinds of every type are one kind of unknown. */
  show(value: T): string;
}

/** A kind that takes one text. */
export function one<T>(
  form: string,
  read: (text: string) => Read<T>,
  rest: Partial<Pick<Kind<T>, 'show' | 'alone'>> = {},
): Kind<T> {
  return { form, many: false, alone: false, show: String, ...rest, read: (texts) => read(texts[0] ?? '') };
}

/** A list of a kind, of at least so many. The first text that is wrong is the problem. */
export function many<T>(each: Kind<T>, least = 0): Kind<readonly T[]> {
  return {
    form: `${each.form},...`,
    many: true,
    alone: false,
    show: (values) => values.map((value) => each.show(value)).join(','),
    read(texts) {
      if (texts.length < least) return { problem: `must have at least ${least}` };
      const values: T[] = [];
      for (const [index, text] of texts.entries()) {
        const read = each.read([text]);
        if ('problem' in read) {
          return { problem: texts.length === 1 ? read.problem : `entry ${index + 1} ${read.problem}` };
        }
        if (values.includes(read.value)) return { problem: `entry ${index + 1} is a repetition` };
        values.push(read.value);
      }
      return { value: values };
    },
  };
}

/** A text that satisfies a test, as it is. */
export function checked(form: string, mustBe: string, test: (text: string) => boolean): Kind<string> {
  return one(form, (text) => (test(text) ? { value: text } : { problem: `must be ${mustBe}` }));
}
