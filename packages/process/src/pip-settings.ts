/** Returns the environment variables that determine where pip downloads packages, as they are set on this machine. */
export function pipSettings(): Record<string, string> {
  const isWanted = (name: string): boolean =>
    /^(PIP_|SSL_|REQUESTS_)/.test(name) || /_proxy$/i.test(name) || name === 'HOME'
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      value !== undefined && isWanted(name) ? [[name, value]] : [],
    ),
  )
}
