/** Whether a text is an http or https URL with a host, without user name and password, and without the forbidden characters. */
export function isPlainHttpUrl(text: string, forbidden: RegExp): boolean {
  const url = URL.parse(text)
  return (
    url !== null &&
    ['http:', 'https:'].includes(url.protocol) &&
    url.hostname !== '' &&
    url.username === '' &&
    url.password === '' &&
    !forbidden.test(text)
  )
}
