/** A command that a document tells its readers to type. */
export interface GuideCommand {
  text: string
  /** File and line, such as `docs/administration/commands.md:12`. */
  at: string
}

export interface Guide {
  /** Lines of fenced code blocks, and commands in inline code. */
  typed: GuideCommand[]
  /** Rows of command tables: the commands in the first cell, and all options that the row mentions. */
  rows: { commands: GuideCommand[]; options: string[] }[]
}

const SPAN = /`([^`]+)`/g
/** Inline code that begins with one of these programs is a command; other inline code is a file or a value. */
const PROGRAM =
  /^(?:… )?(?:npx coprctl|coprctl|make|oc|kubectl|copr-cli|pip|python3|grep|images\/build) ./

/**
 * Finds all commands in a document. In the first cells of tables, commands omit `coprctl`; they are recognized by their first word, which
 * is one of the `nouns`.
 */
export function commandsIn(markdown: string, file: string, nouns: Set<string>): Guide {
  const guide: Guide = { typed: [], rows: [] }
  let fence: string | undefined
  for (const [index, line] of markdown.split('\n').entries()) {
    const at = `${file}:${index + 1}`
    const opening = /^```(\w*)$/.exec(line)?.[1]
    if (opening !== undefined) fence = fence === undefined ? opening : undefined
    else if (fence === '' && line.trim() !== '') guide.typed.push({ text: line.trim(), at })
    else if (fence === undefined) addLine(guide, line, at, nouns)
  }
  return guide
}

function addLine(guide: Guide, line: string, at: string, nouns: Set<string>): void {
  const [, first = ''] = /^\| (.+?) \|/.exec(line) ?? []
  const inFirst = spansOf(first).map((text) => text.replace(/^coprctl /, ''))
  const commands = inFirst.filter((text) => nouns.has(text.split(' ')[0] ?? ''))
  if (commands.length > 0) {
    const options = spansOf(line).flatMap((text) => /^--[-a-z]+/.exec(text)?.[0] ?? [])
    guide.rows.push({ commands: commands.map((text) => ({ text, at })), options })
    return
  }
  for (const text of spansOf(line).filter((each) => PROGRAM.test(each)))
    guide.typed.push({ text: text.replace(/^… /, ''), at })
}

function spansOf(text: string): string[] {
  return [...text.matchAll(SPAN)].map(([, span = '']) => span)
}

const VALUES: Record<string, string> = {
  N: '1',
  PORT: '5001',
  SECONDS: '60',
  ID: '1',
  SCOPE: 'build',
}

/** Returns the arguments of a documented command: includes optional ones, and replaces placeholders such as `N` with values. */
export function argumentsOf(text: string): string[] {
  return text
    .replaceAll(/[[\]]|\.\.\.$|\.\.\.(?= )/g, '')
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => VALUES[word] ?? word)
}
