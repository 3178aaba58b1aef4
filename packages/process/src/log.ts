import { openSync, writeSync } from 'node:fs'
import { type DestinationStream, type Logger, pino } from 'pino'
import { currentLogFields } from './log-fields.ts'

export type { Logger } from 'pino'

/** Makes a logger that writes JSON lines to stdout or to `destination`, and redacts secrets. */
export function makeLog(name: string, destination?: DestinationStream): Logger {
  const options = {
    name,
    /** Adds the IDs of the request and of the build to which a line belongs. */
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
      // If the disk is full, log lines are lost, but the program continues. (pino's own destination would retry forever.)
    }
  }
  return makeLog(name, { write })
}

/** Creates a logger that writes nothing, for tests and one-off commands. */
export function silentLog(): Logger {
  return pino({ enabled: false })
}
