import { StringDecoder } from 'node:string_decoder'

/**
 * Number of characters that are kept at the beginning and at the end of a line. The end matters because rpm's message may follow the output
 * of a background process.
 */
const KEPT_LENGTH = 400

/** Splits a log into lines as it arrives. Memory use is bounded, however long a line is. */
export class LogLines {
  /** Number of complete lines so far. */
  count = 0
  readonly #decoder = new StringDecoder('utf8')
  readonly #onLine: (line: string, number: number) => void
  #begin = ''
  #end = ''

  constructor(onLine: (line: string, number: number) => void) {
    this.#onLine = onLine
  }

  write(chunk: Uint8Array | string): void {
    const text = typeof chunk === 'string' ? chunk : this.#decoder.write(chunk)
    let from = 0
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
      this.#add(text, from, at)
      this.#finish()
      from = at + 1
    }
    this.#add(text, from, text.length)
  }

  /** Ends the last line if it lacks a line break. */
  end(): void {
    if (this.#begin !== '') this.#finish()
  }

  #add(text: string, from: number, to: number): void {
    if (from === to) return
    const taken = Math.min(to, from + KEPT_LENGTH - this.#begin.length)
    if (taken > from) this.#begin += text.slice(from, taken)
    if (taken < to)
      this.#end = (this.#end + text.slice(Math.max(taken, to - KEPT_LENGTH), to)).slice(
        -KEPT_LENGTH,
      )
  }

  #finish(): void {
    const line = this.#begin + this.#end
    this.#begin = ''
    this.#end = ''
    this.count++
    this.#onLine(line, this.count)
  }
}

/** Escape sequences of terminals: colors, cursor movements, titles. The first character is any control character except a tab. */
const ESCAPES =
  /[^\P{Cc}\t](?:\[[0-9;?]{0,20}[@-~]|\][^\p{Cc}]{0,100}(?:\p{Cc}\\?)?|[()][A-Z0-9]|[=>])/gu

/** Color codes whose first character was lost when the log was copied. */
const COLOR = /\[\d{1,2}(?:;\d{1,3}){0,3}m(?!\w{1,3}\])/
const LOST_ESCAPES = /\[\d{1,2}(?:;\d{1,3}){0,3}m(?:\[K)?|\[m\[K/g
/** Beginnings of lines that rpmbuild, the shell, make and compilers write. Anything before them is a prefix. */
const KNOWN =
  '(?=(?:error|warning|fatal|configure: error|CMake Error[^:]{0,40}): |Executing\\(%|Processing files: |Checking for unpackaged file|RPM build errors:|Building (?:target platforms|for target)|setting SOURCE_DATE_EPOCH|Bad exit status from |(?:g?make|ninja)(?:\\[\\d{1,3}\\])?: |(?:cp|mv|ln|rm|install|mkdir|rmdir|tar|cat|chmod|chown|find|xargs|sed|patch|strip|gzip|curl|wget|bash|sh|/bin/(?:ba)?sh): |[^\\s:]{1,200}: line \\d{1,5}: |[^\\s:]{1,200}:\\d{1,6}:(?:\\d{1,4}:)? (?:fatal )?error: )'

/**
 * Prefixes that are so common that they are removed only before known beginnings: levels and names in brackets (Maven, sbt, ant, Jenkins),
 * those of fpm, Vagrant and docker, quotation marks of emails, indentation.
 */
const PREFIX_OF_KNOWN = new RegExp(
  `^(?:\\s{0,12}\\[[\\w .:/-]{1,40}\\] {1,4}(?=\\+{1,3} )|(?:\\s{0,12}\\[[\\w .:/-]{1,40}\\] {0,8}|\\s{1,24}|> |(?:==> |\\s{4})[\\w-]{1,30}: |time="[^"]{1,40}" level=\\w{1,8} msg="|\\{:timestamp=>"[^"]{1,40}", :message=>"|\\d{1,6}\\.\\d{2,4} |[Ee]xit code:? \\d{1,3}:? |(?:stderr|stdout|stderr output|output|err|msg): )${KNOWN})`,
)

/**
 * Prefixes that build systems put before the output of programs: those of Koji and mock, the seconds of OBS and of the kernel, timestamps,
 * those of docker and of tools that run it, the progress of ninja, and those of syslog, Maven and GitHub jobs.
 */
const PREFIX =
  /^(?:\s{1,12}\w{1,40}\.go:\d{1,5}: (?=#\d)|[^\t]{1,80}\t[^\t]{1,80}\t(?=\d{4}-\d\d-\d\dT)|##\[(?:error|warning|command)\]|::(?:error|warning)(?: [^:]{0,200})?::|[\w.-]{1,40}[-_]\d{1,3} {1,8}\| {1,2}|BUILDSTDERR: ?|(?:DEBUG|INFO|WARNING|ERROR) \w{1,30}\.py:\d{1,6}: {1,2}|\[ {0,6}\d{1,7}(?:\.\d{6})?s?\] ?|\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?\]? {1,2}(?:\d\d[OE]\+? )?|\[\d\d:\d\d:\d\d(?:[.,]\d{1,9})?\] {1,2}|\d\d:\d\d:\d\d(?:[.,]\d{1,9})? {1,2}|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S{1,64} [\w.-]{1,40}\[\d{1,8}\]: |#\d{1,4} \d{1,7}\.\d{1,3} |\[\d{1,6}\/\d{1,6}\] |\| |\[(?:INFO|ERROR)\] {1,4}(?=error: |Executing\(%|Processing files: )|INFO: (?=Start: ))/

/** Maximum number of prefixes that may follow one another. */
const MAX_PREFIXES = 5

/**
 * Returns a line in the final form that a terminal would show: without escape sequences, and only what follows the last carriage return.
 */
export function plainLine(line: string): string {
  let text = line.includes('\u001B') ? line.replaceAll(ESCAPES, '') : line
  if (COLOR.test(text)) text = text.replaceAll(LOST_ESCAPES, '')
  if (text.includes('\r')) text = text.split('\r').findLast((part) => part !== '') ?? ''
  for (let stripped = 0; stripped < MAX_PREFIXES; stripped++) {
    const prefix = PREFIX.exec(text) ?? PREFIX_OF_KNOWN.exec(text)
    if (!prefix) break
    text = text.slice(prefix[0].length)
  }
  return text
}
