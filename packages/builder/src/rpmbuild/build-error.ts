/**
 * Returns why rpmbuild failed, in a form to be appended to a message: `: ` and the section that failed or, if the output does not name one,
 * the first error in it.
 */
export function buildError(output: string): string {
  // The message may be anywhere in a line, because a background process may have written the beginning of the line. The last match counts,
  // because rpm repeats its own error at the end, and a section may have printed the error of another rpmbuild.
  const section = [...output.matchAll(/\bBad exit status from \S+ \((%\w+)\)/g)].at(-1)?.[1]
  return section === undefined ? firstError(output) : `: ${section} failed`
}

/**
 * Returns the first error that rpm or mock has printed, in a form to be appended to a message: `: ` and the error, with the list below it
 * if the error announces one.
 */
export function firstError(output: string): string {
  const [, error, below = ''] = /^(?:error|ERROR): (.*)((?:\n[ \t]+\S.*)*)/m.exec(output) ?? []
  if (error === undefined) return ''
  const list = error.trimEnd().endsWith(':') ? below.trim().split(/\s*\n\s*/) : []
  return `: ${`${error} ${list.join(', ')}`.trim().slice(0, 500)}`
}
