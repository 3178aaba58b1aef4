/** Thrown for a file that cannot be read or written safely as a package; the message is the reason. */
export class RpmFormatError extends Error {
  override readonly name = 'RpmFormatError'
}

/** Throws an RpmFormatError for one package; `label` is the user's name for it, usually its file name. */
export function refuse(label: string, reason: string, options?: ErrorOptions): never {
  throw new RpmFormatError(`Cannot read ${label}: ${reason}`, options)
}
