import { openSync, writeSync } from 'node:fs'
import { type DestinationStream, type Logger, pino } from 'pino'
import { currentLogFields } from './log-fields.ts'

export type { Logger } from 'pino'

/** Makes a logger that writes JSON lines to stdout or to `destination`, and redacts secrets. */
export function makeLog(name: string, destination?: DestinationStream): Logger {
  const options = {
    name,
    /** Adds the ids of the request and the build that a line belongs to. */
    mixin: () => ({ ...currentLogFields() }),
    redact: [
      '*.password',
      '*.token',
      '*.secret',
      'password',
      'token',
      'secret',
      'ticket',
      'pin',
      '*.pin',
      'headers.authorization',
    ],
  }
  return destination ? pino(options, destination) : pino(options)
}

/** Makes a logger that writes JSON lines to a file, for a program whose terminal output is for people. */
export function makeFileLog(name: string, path: string): Logger {
  const file = openSync(path, 'a', 0o600)
  const write = (line: string): void => {
    try {
      writeSync(file, line)
    } catch {
      // A full disk loses log lines, but does not end the program. (pino's own destination would retry forever.)
    }
  }
  return makeLog(name, { write })
}

/** For tests and one-off commands. */
export function silentLog(): Logger {
  return pino({ enabled: false })
}
