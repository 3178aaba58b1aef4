import { RANKS, type Rule } from './rule.ts'
import { BUILD_TOOLS, COMPILERS } from './rules/compilers.ts'
import { DNF, MACHINE } from './rules/dnf.ts'
import { LANGUAGES } from './rules/languages.ts'
import { LIMITS, NETWORK_RULES } from './rules/limits.ts'
import { CHECKSUMS, PREP, RPM } from './rules/rpm.ts'
import { TESTS } from './rules/tests.ts'

/** The rules for all known messages. The first rule that matches a line applies, so the precise ones come first. */
export const RULES: Rule[] = [
  ...CHECKSUMS,
  ...LIMITS,
  ...MACHINE,
  ...DNF,
  ...PREP,
  ...RPM,
  ...TESTS,
  ...NETWORK_RULES,
  ...COMPILERS,
  ...BUILD_TOOLS,
  ...LANGUAGES,
].toSorted((one, other) => RANKS.indexOf(one.rank) - RANKS.indexOf(other.rank))
