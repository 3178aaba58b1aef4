/**
 * Aborts at SIGINT, SIGTERM, or when the process that started this one is gone.
 * A second Ctrl-C ends the process at once.
 */
export function stopSignal(): AbortSignal {
  const stopping = new AbortController()
  const stop = (): void => stopping.abort(new Error('stopping'))
  process.once('SIGTERM', stop)
  process.once('SIGINT', () => {
    stop()
    process.once('SIGINT', () => process.kill(process.pid, 'SIGKILL'))
  })
  if (process.channel) {
    process.once('disconnect', stop)
    process.channel.unref()
  }
  return stopping.signal
}
