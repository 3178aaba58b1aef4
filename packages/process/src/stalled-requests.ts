import type { IncomingMessage, Server, ServerResponse } from 'node:http'

export interface ProgressLimits {
  /** If a body grows by less than `min_bytes` within a window of this length, the request is aborted. */
  window_ms: number
  /** Minimum bytes of a body per window. An upload that makes progress is never aborted, whatever its size. */
  min_bytes: number
  /** If a client reads nothing of its response for this many milliseconds, its connection is closed. */
  reader_ms: number
}

/** A body may take any amount of time as long as at least 1 KiB per second arrives: 30 KiB per 30 s. */
export const PROGRESS_LIMITS: ProgressLimits = {
  window_ms: 30_000,
  min_bytes: 30 * 1024,
  reader_ms: 120_000,
}

interface Watched {
  incoming: IncomingMessage
  outgoing: ServerResponse
  /** Number of bytes that the connection had received at the start of the window. */
  read: number
  since: number
  /** Number of bytes that the connection had sent to the client at `pending_since`. */
  pending: number
  pending_since: number
}

const TIMED_OUT = [
  'HTTP/1.1 408 Request Timeout',
  'Connection: close',
  'Content-Type: application/json',
  '',
  '{"error":"Cannot read the request: its body arrived too slowly or was incomplete"}',
].join('\r\n')

/** Aborts requests if the client stops sending the body or reading the response. A slow handler does not make its client count as slow. */
export function endStalledRequests(
  server: Server,
  { window_ms, min_bytes, reader_ms }: ProgressLimits,
): Disposable {
  const open = new Set<Watched>()
  server.on('request', (incoming, outgoing) => {
    const now = performance.now()
    const { bytesRead } = incoming.socket
    const times = { read: bytesRead, since: now, pending: 0, pending_since: now }
    const watched = { incoming, outgoing, ...times }
    open.add(watched)
    outgoing.once('close', () => open.delete(watched))
  })
  const timer = setInterval(
    () => {
      for (const watched of open) {
        if (hasStalledBody(watched, window_ms, min_bytes)) end(watched)
        else if (hasStalledReader(watched, reader_ms)) watched.incoming.socket.destroy()
      }
    },
    Math.min(window_ms, reader_ms) / 6,
  )
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

function hasStalledBody(watched: Watched, window_ms: number, min_bytes: number): boolean {
  const { incoming, read, since } = watched
  if (incoming.complete) return false
  const { bytesRead } = incoming.socket
  const now = performance.now()
  // A full buffer means that the handler is not reading the body.
  const isUnread = incoming.readableLength >= incoming.readableHighWaterMark
  if (!isUnread && now - since < window_ms) return false
  const isSlow = !isUnread && bytesRead - read < min_bytes
  Object.assign(watched, { read: bytesRead, since: now })
  return isSlow
}

function hasStalledReader(watched: Watched, reader_ms: number): boolean {
  const { socket } = watched.incoming
  const now = performance.now()
  // Bytes written to the connection, minus those that are still buffered.
  const taken = socket.bytesWritten - socket.writableLength
  if (socket.writableLength > 0 && taken === watched.pending)
    return now - watched.pending_since >= reader_ms
  Object.assign(watched, { pending: taken, pending_since: now })
  return false
}

function end({ incoming, outgoing }: Watched): void {
  const { socket } = incoming
  if (outgoing.headersSent) return void socket.destroy()
  socket.write(TIMED_OUT)
  socket.destroySoon()
}
