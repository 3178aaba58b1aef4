/** Removes trailing slashes from a URL or path. A regular expression would take quadratic time for many slashes. */
export function withoutSlashes(text: string): string {
  let end = text.length
  while (end > 0 && text[end - 1] === '/') end--
  return text.slice(0, end)
}
