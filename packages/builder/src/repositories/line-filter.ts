import { StringDecoder } from 'node:string_decoder'

/** A longer line is passed on in pieces, so that output without line breaks cannot fill the memory. */
const MAX_LINE_LENGTH = 256 * 1024

/** Returns a writer that passes on whole lines, as returned by `change`; if `change` returns undefined, the line is dropped. */
export function lineFilter(
  change: (line: string) => string | undefined,
  write: (text: string) => void,
): { write(chunk: Buffer): void; end(): void } {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  const pass = (line: string, end: string): void => {
    const changed = change(line)
    if (changed !== undefined) write(changed + end)
  }
  return {
    write(chunk) {
      const lines = (rest + decoder.write(chunk)).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) pass(line, '\n')
      if (rest.length <= MAX_LINE_LENGTH) return
      pass(rest, '')
      rest = ''
    },
    end() {
      rest += decoder.end()
      if (rest !== '') pass(rest, '')
      rest = ''
    },
  }
}
