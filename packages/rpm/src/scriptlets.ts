import type { HeaderBlock } from './header-block.ts'
import { getInts, getStrings } from './header-values.ts'
import { TAG } from './tags.ts'

export interface Scriptlet {
  /** The section of the spec, such as `%post`. */
  section: string
  /** The interpreter of the scriptlet, such as `/bin/sh` or `<lua>`. */
  interpreter: string
  text: string
  /** Whether rpm expands macros in the scriptlet at installation (`%post -e`). */
  isExpandedAtInstall: boolean
}

/**
 * Maps tags to sections. The tag holds the text of the section; the tags with the suffixes PROG and FLAGS hold its interpreter and flags.
 */
const SECTIONS = [
  ['PREIN', '%pre'],
  ['POSTIN', '%post'],
  ['PREUN', '%preun'],
  ['POSTUN', '%postun'],
  ['PRETRANS', '%pretrans'],
  ['POSTTRANS', '%posttrans'],
  ['PREUNTRANS', '%preuntrans'],
  ['POSTUNTRANS', '%postuntrans'],
  ['VERIFYSCRIPT', '%verifyscript'],
] as const

/** Sections that a package may have several times, with the names of their tags. */
const TRIGGERS = [
  ['TRIGGERSCRIPT', '%trigger'],
  ['FILETRIGGERSCRIPT', '%filetrigger'],
  ['TRANSFILETRIGGERSCRIPT', '%transfiletrigger'],
] as const

/** rpm's flag for scriptlets in which macros are expanded at installation. */
const EXPAND = 1

/** Returns the scriptlets and triggers of a package that have a text; those that only name a program are left out. */
export function scriptletsOf(header: HeaderBlock): Scriptlet[] {
  return [
    ...SECTIONS.flatMap(([tag, section]) =>
      readScriptlets(header, section, [TAG[tag], TAG[`${tag}PROG`], TAG[`${tag}FLAGS`]]),
    ),
    ...TRIGGERS.flatMap(([tag, section]) =>
      readScriptlets(header, section, [TAG[`${tag}S`], TAG[`${tag}PROG`], TAG[`${tag}FLAGS`]]),
    ),
  ]
}

function readScriptlets(
  header: HeaderBlock,
  section: string,
  [texts, programs, flags]: [number, number, number],
): Scriptlet[] {
  // Sections other than triggers have a single text: the first string is its interpreter, and any others are the interpreter's arguments.
  const interpreters = getStrings(header, programs)
  const allFlags = getInts(header, flags)
  return getStrings(header, texts).map((text, i) => ({
    section,
    interpreter: interpreters[i] ?? '/bin/sh',
    text,
    isExpandedAtInstall: ((allFlags[i] ?? 0) & EXPAND) !== 0,
  }))
}
