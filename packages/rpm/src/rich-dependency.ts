import { RpmFormatError } from './errors.ts'
import type { Requirement } from './package-info.ts'

const OPERATORS = new Set(['and', 'or', 'if', 'unless', 'else', 'with', 'without'])
/** Operators that may be repeated, as in `(a or b or c)`. */
const CHAINS = new Set(['and', 'or', 'with'])
const COMPARISONS: Record<string, Requirement['comparison']> = {
  '<': '<',
  '<=': '<=',
  '=<': '<=',
  '=': '=',
  '==': '=',
  '>=': '>=',
  '=>': '>=',
  '>': '>',
}
/** rpm and dnf parse rich dependencies recursively: without a limit, nesting could exhaust their stack. */
const MAX_DEPTH = 100

/** Whether a requirement is a rich dependency, such as `(gcc or clang)`. rpm stores the whole expression as the name. */
export function isRich({ name }: Pick<Requirement, 'name'>): boolean {
  return name.startsWith('(')
}

/**
 * Returns the simple dependencies in a rich dependency: `gcc >= 12` and `clang` for `(gcc >= 12 or clang)`. Throws an RpmFormatError if the
 * expression is malformed, because dnf ignores malformed rich dependencies.
 */
export function richOperands(text: string): Requirement[] {
  const operands: Requirement[] = []
  /** For each open parenthesis, the last operator inside it; '' if there has been none yet. */
  const operators: string[] = []
  const fail = (reason: string): never => {
    throw new RpmFormatError(`Cannot parse the rich dependency ${shortened(text)}: ${reason}`)
  }
  let wantsOperand = true
  let at = 0
  do {
    at = skipBlanks(text, at)
    const end = endOfWord(text, at)
    if (at === text.length) fail('a closing parenthesis is missing')
    else if (text[at] === ')') {
      if (wantsOperand) fail('a dependency is missing')
      operators.pop()
      at++
    } else if (!wantsOperand) {
      const operator = text.slice(at, end)
      const fault = faultOfOperator(operator, operators.pop() ?? '')
      if (fault !== undefined) fail(fault)
      operators.push(operator)
      wantsOperand = true
      at = end
    } else if (text[at] === '(') {
      if (operators.push('') > MAX_DEPTH) fail(`it is nested more than ${MAX_DEPTH} levels deep`)
      at++
    } else {
      if (operators.length === 0) fail('it does not start with a parenthesis')
      const operand = readOperand(text, { at, end })
      if (operand.comparison !== '' && operand.version === '') fail('a version is missing')
      operands.push(operand)
      wantsOperand = false
      at = operand.end
    }
  } while (operators.length > 0)
  if (at < text.length) fail('text follows the last parenthesis')
  return operands
}

function faultOfOperator(operator: string, previous: string): string | undefined {
  if (!OPERATORS.has(operator)) return `${shortened(operator)} is not an operator`
  const isElse = operator === 'else' && (previous === 'if' || previous === 'unless')
  const isChain = operator === previous && CHAINS.has(operator)
  return previous === '' || isElse || isChain
    ? undefined
    : `'${operator}' cannot follow '${previous}' without parentheses`
}

/** Reads an operand: its name, whose end is known, and its version, if any. */
function readOperand(
  text: string,
  { at, end }: { at: number; end: number },
): Requirement & { end: number } {
  const name = text.slice(at, end)
  const sign = skipBlanks(text, end)
  const signEnd = endOfWord(text, sign)
  const comparison = COMPARISONS[text.slice(sign, signEnd)]
  if (comparison === undefined) return { name, comparison: '', version: '', end }
  const start = skipBlanks(text, signEnd)
  const versionEnd = endOfWord(text, start)
  return { name, comparison, version: text.slice(start, versionEnd), end: versionEnd }
}

/** Returns the offset after a name, operator or version, which may contain balanced parentheses, as in `pkgconfig(zlib)`. */
function endOfWord(text: string, from: number): number {
  let depth = 0
  let at = from
  for (; at < text.length && !isBlank(text[at]); at++) {
    if (text[at] === '(') depth++
    if (text[at] === ')' && depth-- === 0) break
  }
  return at
}

function skipBlanks(text: string, from: number): number {
  let at = from
  while (at < text.length && isBlank(text[at])) at++
  return at
}

/** Whether a character separates names, operators and versions. In rpm, a comma does so, too. */
function isBlank(character: string | undefined): boolean {
  return character !== undefined && ' \t\n\v\f\r,'.includes(character)
}

function shortened(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text)
}
