import type { Scriptlet } from '@copr/rpm/scriptlets'

const SHELLS = /^(\/usr)?\/bin\/(sh|bash|dash|ksh|zsh)$/

/**
 * Matches a command that begins with a macro call, which rpm leaves unexpanded if the macro is not defined. Does not match the patterns of
 * a `case` statement.
 */
const MACRO_CALL =
  /^\s*%(?:([A-Za-z_]\w{2,})(?=\s|$)(?!\s*(?:\)|\|[^|]))|\{([A-Za-z_]\w{2,})[\s}:])/

/**
 * Returns a macro that a scriptlet calls but that was not defined in the build, if there is one: the shell would report an unknown command,
 * and the installation would fail. Only the first word of a command is checked, because `%` is common elsewhere: in formats, patterns and
 * text.
 */
export function undefinedMacro(scriptlet: Scriptlet): string | undefined {
  const { interpreter, isExpandedAtInstall, text } = scriptlet
  if (isExpandedAtInstall || !SHELLS.test(interpreter)) return undefined
  for (const line of commandLines(text)) {
    const [, plain, braced] = MACRO_CALL.exec(line) ?? []
    if (plain !== undefined || braced !== undefined) return `%${plain ?? braced}`
  }
  return undefined
}

/**
 * Returns the lines that start a command: those that do not begin inside a quoted string, a here-document, an array or a continued line.
 */
function commandLines(text: string): string[] {
  const lines: string[] = []
  let state: LineState = { quote: '', isContinued: false, inArray: false, documents: [] }
  for (const line of text.split('\n')) {
    const [document] = state.documents
    if (document !== undefined) {
      if ((document.ignoresTabs ? line.replace(/^\t+/, '') : line) === document.end)
        state = { ...state, documents: state.documents.slice(1) }
      continue
    }
    if (state.quote === '' && !state.isContinued && !state.inArray) lines.push(line)
    state = endOfLine(line, state)
  }
  return lines
}

interface LineState {
  /** The quote character of the string that is open, if any. */
  quote: string
  isContinued: boolean
  inArray: boolean
  /** Here-documents whose text begins on the next line. */
  documents: { end: string; ignoresTabs: boolean }[]
}

/** Matches the operator and the delimiter of a here-document at the current position of a scan. */
const HERE_DOCUMENT = /<<(?!<)(-?)[ \t]*((?:'[^']*'|"[^"]*"|\\.|[^\s'"\\;&|<>()])+)/y

/** Scans a line; returns the state at its end. */
function endOfLine(line: string, before: LineState): LineState {
  let { quote, inArray } = before
  let isContinued = false
  const documents = [...before.documents]
  for (let at = 0; at < line.length; at++) {
    const char = line[at] ?? ''
    if (char === '\\' && quote !== "'") {
      isContinued = ++at === line.length
    } else if (quote !== '') {
      if (char === quote) quote = ''
    } else if (`'"\``.includes(char)) {
      quote = char
    } else if (char === '#' && /(^|[\s;&|(])$/.test(line.slice(0, at))) {
      break
    } else if (char === '(' && /\w\+?=$/.test(line.slice(0, at))) {
      inArray = true
    } else if (char === ')') {
      inArray = false
    } else if (char === '<' && line.startsWith('<<', at)) {
      HERE_DOCUMENT.lastIndex = at
      const [operator = '<<<', dash = '', end] = HERE_DOCUMENT.exec(line) ?? []
      if (end !== undefined)
        documents.push({ end: end.replaceAll(/['"\\]/g, ''), ignoresTabs: dash !== '' })
      at += operator.length - 1
    }
  }
  return { quote, isContinued, inArray, documents }
}
