/**
 * Returns a signal that aborts on SIGINT, on SIGTERM, or when the parent process has exited.
 * A second Ctrl-C kills the process at once.
 */
export function stopSignal(): AbortSignal {
  const stopping = new AbortController()
  const stop = (): void => stopping.abort(new Error('stopping'))
  // A listener that stays registered: a second SIGTERM must not end the process before it has cleaned up.
  process.on('SIGTERM', stop)
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
