import pg from 'pg'

export interface Notices extends AsyncDisposable {
  /** Resolves at the next notification (at once if one has arrived since the last call), or after `at_most_ms`. */
  next(at_most_ms: number): Promise<void>
}

/** Listens to a PostgreSQL channel, as the components do. */
export async function nextNotice(database_url: string, channel: string): Promise<Notices> {
  const client = new pg.Client(database_url)
  await client.connect()
  let came = Promise.withResolvers<void>()
  client.on('notification', () => came.resolve())
  await client.query(`listen ${channel}`)
  return {
    async next(at_most_ms) {
      const timer = setTimeout(() => came.resolve(), at_most_ms)
      await came.promise
      clearTimeout(timer)
      came = Promise.withResolvers<void>()
    },
    [Symbol.asyncDispose]: () => client.end(),
  }
}
