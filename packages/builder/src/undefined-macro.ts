import type { Scriptlet } from '@copr/rpm/scriptlets'

const SHELLS = /^(\/usr)?\/bin\/(sh|bash|dash|ksh|zsh)$/

/** A command that begins with a macro's name, which rpm leaves if it does not know the macro; patterns of `case` do not match. */
const MACRO_CALL =
  /^\s*%(?:([A-Za-z_]\w{2,})(?=\s|$)(?!\s*(?:\)|\|[^|]))|\{([A-Za-z_]\w{2,})[\s}:])/

/**
 * Returns the macro that a scriptlet calls although it was not defined in the build: the shell would report an unknown command, which
 * fails the installation. Only the first word of a command counts, because `%` is common elsewhere: in formats, patterns and texts.
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

/** Returns the lines that begin outside of quotes, here-documents, arrays and continued lines. */
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
  /** The quote that is open. */
  quote: string
  isContinued: boolean
  inArray: boolean
  /** Here-documents that begin with the next line. */
  documents: { end: string; ignoresTabs: boolean }[]
}

/** The operator of a here-document, at the current position of a scan. */
const HERE_DOCUMENT = /<<(?!<)(-?)[ \t]*((?:'[^']*'|"[^"]*"|\\.|[^\s'"\\;&|<>()])+)/y

/** Follows a line to its end. */
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
