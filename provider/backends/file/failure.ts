import { KeymountError } from '../../errors.ts';

function errnoOf(thrown: unknown): string {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  return typeof code === 'string' ? code : 'unknown error';
}

/** Nothing is there: no such name, or a file where the path needs a folder. */
export function isAbsent(thrown: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(errnoOf(thrown));
}

/** A symbolic link where none may be followed, or more of them than the system follows. */
export function isLink(thrown: unknown): boolean {
  return errnoOf(thrown) === 'ELOOP';
}

/** An error of the file system in the words of the catalogue, without the path on the node that its own text would show. */
export function failureOf(thrown: unknown, what: string): KeymountError {
  const reason = errnoOf(thrown);
  switch (reason) {
    case 'EACCES':
    case 'EPERM':
      return new KeymountError('secret-denied', `${what} cannot be read`, {
        reason,
        hint: "the store's files must be readable for the user that keymount runs as",
      });
    case 'ELOOP':
    case 'ENAMETOOLONG':
      return new KeymountError('backend-reply-invalid', `${what} cannot be read`, { reason });
    default:
      return new KeymountError('backend-unreachable', `${what} cannot be read`, { reason });
  }
}
