import { openSync, writeSync } from 'node:fs'
import { type DestinationStream, type Logger, pino } from 'pino'
import { currentLogFields } from './log-fields.ts'

export type { Logger } from 'pino'

/** JSON lines on stdout, or wherever `destination` leads. Secrets never get in. */
export function makeLog(name: string, destination?: DestinationStream): Logger {
  const options = {
    name,
    /** Which request and which build a line belongs to. */
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

/** JSON lines in a file, for a program whose terminal is for people. */
export function makeFileLog(name: string, path: string): Logger {
  const file = openSync(path, 'a', 0o600)
  const write = (line: string): void => {
    try {
      writeSync(file, line)
    } catch {
      // A full disk costs log lines, not the program. (pino's own destination would never end then.)
    }
  }
  return makeLog(name, { write })
}

/** For tests and one-off commands. */
export function silentLog(): Logger {
  return pino({ enabled: false })
}
