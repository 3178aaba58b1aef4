import {
  CATEGORY_HINTS,
  type FailureCategory,
  type FailureDetails,
  printableHint,
  printableLine,
} from '@copr/contract/failure'
import { LogLines, plainLine } from './log-lines.ts'
import { type Finding, type Rank, RANKS, type Rule } from './rule.ts'
import { RULES } from './rules.ts'
import { RPM } from './rules/rpm.ts'

const LINES_BEFORE = 3
const LINES_BELOW = 5
/** Number of lines after a candidate that may say more about its cause. */
const FOLLOWED_LINES = 16
/** Maximum distance, in lines, between lines of the same low rank (`likely` or `weak`) that belong to the same error. */
const GROUP_LINES = 30
/** Maximum number of stages that are kept (the newest ones), because a build can print the beginning of any number of sections. */
const MAX_STAGES = 40
/**
 * Maximum number of lines per section to which the rules are applied. This limits the time that a log full of errors takes; later lines can
 * only end the section.
 */
const MAX_TRIED = 20_000
/** When make says that it ignores an error, candidates within this many lines above are dropped, because they report that error. */
const IGNORED_LINES = 20

/** A line that may be the first error. */
interface Candidate {
  line: number
  category: FailureCategory | undefined
  hint: string | undefined
  excerpt: { first_line: number; lines: string[] }
  below: Finding[]
  unplaced: FailureCategory | undefined
  isHeading: boolean
  /** The number of the last line in its group. */
  until: number
}

/** One stage of a build, with the candidates found in its lines. The number of candidates is bounded, however long the stage is. */
interface Stage {
  /** Initially `start`; `root` while the buildroot is filled; `spec` while rpm parses the spec; otherwise a section such as `%build`. */
  name: string
  found: Partial<Record<Rank, Candidate>>
  byCategory: Partial<Record<FailureCategory, Candidate>>
  /** The line before rpm's message that the section has failed. */
  last: Candidate | undefined
  /** The category of the last command that the shell has printed, used if nothing else shows which section failed. */
  traced: FailureCategory | undefined
  /** Whether make or a similar tool has stopped, so that any further errors are only consequences. */
  isStopped: boolean
  tried: number
}

/** The category of a failure in each stage, used if the log says nothing more precise. */
const CATEGORY_OF_STAGE: Record<string, FailureCategory> = {
  root: 'infrastructure',
  spec: 'macros',
  '%prep': 'prep',
  '%generate_buildrequires': 'dependency',
  '%conf': 'compile',
  '%build': 'compile',
  '%install': 'install',
  '%check': 'test',
  '%files': 'files',
  '%doc': 'files',
  '%license': 'files',
}

/** The hint for a log that neither shows which section failed nor contains a known message. */
const UNPLACED_HINT =
  'The log does not show which step failed: read its end, and the lines above the first error.'

/** Commands, as the shell prints them, and make targets that occur in only one section, with the category that they imply. */
const TRACED: { pattern: RegExp; category: FailureCategory }[] = [
  {
    pattern:
      /^g?make(?:\[\d+\])?: \*{3} \[(?:\S{1,200}:\d+: )?(?:\S{0,60}[-_])?install(?:[-_]\S{0,60})?\] (?:Error|Segm|Abort)/,
    category: 'install',
  },
  {
    pattern:
      /^g?make(?:\[\d+\])?: \*{3} \[(?:\S{1,200}:\d+: )?(?:\S{0,60}[-_])?(?:check|tests?)(?:[-_]\S{0,60})?\] (?:Error|Segm|Abort)/,
    category: 'test',
  },
  {
    pattern:
      /^\+{1,2} (?:\/usr\/bin\/)?(?:patch\b|tar -?x|gzip -dc |bzip2 -dc |xz -dc |unzip |\/usr\/lib\/rpm\/rpmuncompress)/,
    category: 'prep',
  },
  {
    pattern:
      /^\+{1,2} (?:\/usr\/bin\/)?(?:(?:make|ninja|meson|cmake|ctest|pytest|prove|tox|cargo|go|npm|python[\d.]* -m pytest|xvfb-run|dbus-run-session)\b(?=.{0,200}\b(?:test|check|pytest|ctest|prove|tox)\b))/,
    category: 'test',
  },
  {
    pattern:
      /^\+{1,2} (?:\/usr\/lib\/rpm\/(?:\S{1,30}\/)?(?:brp-|check-|find-debuginfo)|(?:\/usr\/bin\/)?(?:(?:make|ninja|meson|cmake|DESTDIR=).{0,300}\binstall\b|install -|mkdir -p? ?\S{0,300}\/BUILDROOT\/))/,
    category: 'install',
  },
  {
    pattern:
      /^\+{1,2} (?:\/usr\/bin\/)?(?:\.\/configure|make\b|ninja\b|cmake\b|meson\b|cargo (?:build|rustc)|go build|mvn\b|npm (?:ci|install|run build))/,
    category: 'compile',
  },
]

/** The stage before the first known stage. A log may have lost its beginning. */
const START = 'start'

/** Matches the beginning of a section, anywhere in a line, because a background process may have written the beginning of the line. */
const SECTION =
  /Executing\((%[a-z_]{1,40})\):|^[^\s()]{1,30} ?\((%[a-z_]{1,40})\) ?[:：] ?\/bin\/(?:ba)?sh -e /
/**
 * Matches rpm's final message about a section. The last match counts: rpm repeats its own message at the end, while an earlier one may come
 * from another rpmbuild that a section has run.
 */
const LAST_WORD = /\bBad exit status from \S{1,200} \((%[a-z_]{1,40})\)/
/** Matches the same message in other languages. The names of the script and of the section are not translated. */
const TRANSLATED_LAST_WORD =
  /^[^\s/:：]{1,20}\s?[:：] ?(?!.{0,80}: line \d)[^:]{0,80}\/rpm-tmp\.\w{1,12}\b[^:]{0,60}\((%[a-z_]{1,40})\)/
const SPEC_BEGINS = /^\$ (?:setarch \S{1,20} )?rpmbuild |^----- building \S{1,200}\.spec\b/
const SPEC_CONTINUES = /^(?:Building target platforms: |setting SOURCE_DATE_EPOCH=)/
const ROOT_BEGINS =
  /^(?:Updating and loading repositories:|Last metadata expiration check: | {0,4}# \/usr\/bin\/.{0,780}\/usr\/bin\/(?:dnf\d?|yum|microdnf|zypper)\b(?!.{0,200}rpmbuild -b)|\$ dnf |Start(?:\(bootstrap\))?: (?:build setup|dnf\d? |yum |installing|chroot init)|init_buildsystem |unpacking preinstall image|preinstalling \S|cumulate \S|\[ {0,6}\d+\.\d\d s\] (?:Preparing the root|Installing ))/
const FILES_BEGIN =
  /^(?:Processing files: |Checking for unpackaged file\(s\): |Requires\(rpmlib\): rpmlib\()/
/** Matches the heading of the errors that rpm repeats, in all languages of TRANSLATED_ERROR. */
const RPM_ERRORS =
  /^RPM build errors:|^(?=.{0,40}RPM)(?=.{0,40}(?:err|fehler|chyb|błęd|ошибк|помилк|错误|錯誤|エラー|오류))[^%/:：]{6,60}[:：]$/i
const REPEATED_ERROR =
  /^(?:\s{2,8}|error: )(?!Macro expanded in comment|Bad exit status)(\S.{0,400})/
/** Matches the beginning of an error that rpm repeats, in an excerpt that lacks the heading. */
const REPEATED_BY_RPM =
  /^\s{2,8}(?=(?:File|Directory) not found(?: by glob)?: |File must begin with "|Installed \(but unpackaged\)|line \d{1,5}: (?:Unknown|Tag|Empty|Illegal|Second|Dependency|Unclosed|Invalid|Duplicate)|Bad file: |Duplicate file|Arch dependent binaries)/
/** Matches the prefix of rpm's errors in other languages. */
const TRANSLATED_ERROR =
  /^(?:erreur|errore|fehler|错误|錯誤|エラー|ошибка|помилка|chyba|błąd|erro|fel|fejl|feil|fout|virhe|hiba|hata|greška|오류)\s?[:：] ?/i
/** Matches the message that mock prints after rpmbuild has failed. mock's traceback follows it. */
const CHILD_FAILED = /^Child return code was: [1-9]/
const IGNORED_BY_MAKE = /^make(?:\[\d+\])?: \[.{1,300}\(ignored\)$/
const STOPS = /^(?:g?make(?:\[\d+\])?: \*{3}|ninja: build stopped)/

/** Every line that matches a rule contains one of these. `-Werror` does not count, because it is in the command lines of all compilers. */
const NOTABLE =
  /(?<!-W)error|fail|fatal|cannot|can't|could ?n[o']t|couldn|not |no |no_|unable|undefined|missing|killed|sigkill|memory|denied|traceback|exception|abort|panic|assert|bad\b|problem|provides|exhausted|exceeded|timed? ?out|requires|need|invalid|unknown|unrecognized|unresolved|✗|✖|×|✘|●|\*\*\*|conflict|resource|reversed|hunk|patch|usage|segmentation|dumped|dubious|unreachable|network|multiple|relocation|does ?n|without|must |mismatch|corrupt|damaged|undeclared|refused|aborting|unfetchable|unchecked|illegal|unterminated|unclosed|unbound|unbalanced|unmatched|xpass|terminat|unpackaged|error in|out of|locate|prerequisite|architecture|\d+\) |dsO missing|e {3,6}\S|lookup|dial |\.go:|differ|read-only|: line |oom|stuck|enotfound|eai_again|econn|longer than|no output| space\b|busy|install (?:it|the)|please install|connect to |gave up|integrity|non-zero|choice|cancel|interrupt|signal|gpg|expired|deadline|macro|%\{|%description|%changelog|expression|bare words|operator|mirror/i
/**
 * Matches lines that look like errors but are not: commands run by the shell, command lines of compilers, results of feature tests, counts
 * of zero.
 */
const HARMLESS =
  /^\s{0,8}\+{1,3} |^ERROR: (?:Exception\(\S{1,300}\) Config\(|Command failed[:.])|^INFO: |^ {0,4}# \/usr\/bin\/| -O2 | -c (?!.{0,300}returned a non-zero code)|^-- |^checking |^(?:XFAIL|SKIP|PASS|ok): |^ok \d|^(?!.*[1-9]\d{0,8} (?:fail|err)).*\b(?:0|no) (?:errors?|failures?|failed|warnings?)\b|\(ignored\)$|^Provides: |^Requires|^(?:\/bin\/sh \.\.\/)?libtool: |^[\w./+-]{1,200}:\d+(?::\d+)?: (?:warning|note): |^# TODO| # (?:TODO|SKIP) /i

const TRACEBACK = /^(\s{0,40})(?:\S{1,40} {1,4})?Traceback \(most recent call last\):/
const EXCEPTION = /^\s{0,40}(?:\S{1,40} {1,4})?[A-Za-z_][\w.]{0,200}(?:: |:?$)/
const CHAINED =
  /^\s{0,40}(?:During handling of the above exception|The above exception was the direct cause)/
const ANY_EXCEPTION: Rule = { rank: 'sure', pattern: EXCEPTION }

/**
 * Finds the first error in the log of a build while the log is being written. Reads each line once; memory use does not depend on the
 * length of the log. Line numbers count from the beginning of the log.
 */
export class FailureScanner {
  readonly #lines = new LogLines((line, number) => this.#onLine(line, number))
  readonly #stages = new Map<string, Stage>()
  #stage = this.#begin(START)
  /**
   * The `prep` candidate of an earlier stage. It is kept because rpmbuild -bs runs again, without the missing sources, before it is known
   * that they are the cause.
   */
  #earlier: Stage['byCategory'] = {}
  /** The section that rpm has reported as failed. */
  #failed: string | undefined
  /** Whether rpm has begun to repeat its errors; all later lines are about mock itself. */
  #isOver = false
  /** The last lines, for excerpts. */
  #recent: { number: number; text: string }[] = []
  /** Candidates whose excerpts need more lines. */
  #open: Candidate[] = []
  #traceback: { indent: number } | undefined
  #exception: Candidate | undefined
  /** Whether the next traceback is a consequence of the last exception. */
  #isChained = false

  write(chunk: Uint8Array | string): void {
    this.#lines.write(chunk)
  }

  /** Returns the cause of the failure. If the caller knows the category, only an error of this category in the log counts as the cause. */
  details(
    known: { category?: FailureCategory | undefined; hint?: string | undefined } = {},
  ): Omit<FailureDetails, 'log'> {
    this.#lines.end()
    const stage = this.#stageOf(known.category)
    const { category: wanted } = known
    const last = stage.last ?? this.#lastLine()
    const found =
      wanted === undefined ? firstError(stage) : (stage.byCategory[wanted] ?? this.#earlier[wanted])
    const shown = found ?? last
    const placed =
      wanted ?? found?.category ?? CATEGORY_OF_STAGE[stage.name] ?? found?.unplaced ?? stage.traced
    // If the log is empty, the machine never began to build.
    const category = placed ?? (shown ? 'compile' : 'infrastructure')
    const neutral = placed === undefined && shown ? UNPLACED_HINT : CATEGORY_HINTS[category]
    const hint = known.hint ?? found?.hint ?? neutral
    return {
      category,
      section: isInSection(stage, wanted) ? stage.name : null,
      line: shown?.line ?? null,
      excerpt: shown?.excerpt ?? null,
      hint: printableHint(hint),
    }
  }

  #stageOf(category: FailureCategory | undefined): Stage {
    const failed = this.#failed === undefined ? undefined : this.#stages.get(this.#failed)
    if (failed && category === undefined) return failed
    return this.#stage
  }

  #begin(name: string): Stage {
    const stage: Stage = {
      name,
      found: {},
      byCategory: {},
      last: undefined,
      traced: undefined,
      isStopped: false,
      tried: 0,
    }
    // A stage that begins again becomes the newest.
    this.#stages.delete(name)
    this.#stages.set(name, stage)
    const [oldest] = this.#stages.keys()
    if (this.#stages.size > MAX_STAGES && oldest !== undefined) this.#stages.delete(oldest)
    return stage
  }

  /** Returns the stage of a section that has failed but whose beginning is not in the log. */
  #rename(name: string): Stage {
    if (this.#stage.name !== START) return this.#begin(name)
    this.#stages.set(name, this.#stage)
    this.#stage.name = name
    return this.#stage
  }

  #onLine(raw: string, number: number): void {
    const line = plainLine(raw)
    for (const candidate of this.#open) follow(candidate, line)
    if (this.#open.length > 0)
      this.#open = this.#open.filter(({ line: at }) => number - at < FOLLOWED_LINES)
    if (!this.#moves(line, number)) {
      if (!this.#isOver) this.#read(line.replace(TRANSLATED_ERROR, 'error: '), number)
      else this.#readRepeated(line, number)
    }
    this.#recent.push({ number, text: line })
    if (this.#recent.length > LINES_BEFORE) this.#recent.shift()
  }

  /** Tracks the stages; returns whether the line begins or ends one. */
  #moves(line: string, number: number): boolean {
    const begin = line.includes('(%') ? SECTION.exec(line) : null
    const section = begin?.[1] ?? begin?.[2]
    if (section !== undefined) return this.#enter(section)
    if (SPEC_BEGINS.test(line)) return this.#enter('spec')
    // rpm's normal output may arrive after its errors.
    if (SPEC_CONTINUES.test(line)) return this.#stage.name === 'spec' || this.#enterSpec(number)
    if (ROOT_BEGINS.test(line)) return this.#stage.name === 'root' ? false : this.#enter('root')
    if (FILES_BEGIN.test(line) && !this.#isOver)
      return this.#stage.name === '%files' ? false : this.#enter('%files')
    const failed = failedSection(line)
    if (failed !== undefined) {
      this.#failed = failed
      const stage = this.#stages.get(failed) ?? this.#rename(failed)
      if (!this.#isOver) stage.last ??= this.#lastLine()
      return true
    }
    const isMock = CHILD_FAILED.test(line) && this.#stage.name !== 'root'
    if (!isMock && !RPM_ERRORS.test(line)) return false
    this.#isOver = true
    return true
  }

  /** Begins the stage in which rpm parses the spec. An error in the spec may be just above this line. */
  #enterSpec(number: number): true {
    const { macros } = this.#stage.byCategory
    this.#enter('spec')
    if (macros && number - macros.line <= FOLLOWED_LINES) {
      this.#stage.byCategory = { macros }
      this.#stage.found = { sure: macros }
    }
    return true
  }

  #enter(name: string): true {
    const { prep } = this.#stage.byCategory
    if (prep) this.#earlier = { prep }
    this.#stage = this.#begin(name)
    this.#failed = undefined
    this.#isOver = false
    this.#traceback = undefined
    this.#exception = undefined
    this.#isChained = false
    return true
  }

  #read(line: string, number: number): void {
    if (this.#inTraceback(line, number)) return
    const stage = this.#stage
    if (IGNORED_BY_MAKE.test(line)) forget(stage, number)
    if (stage.name === START && /^(?:\+|g?make)/.test(line))
      stage.traced = TRACED.find(({ pattern }) => pattern.test(line))?.category ?? stage.traced
    // The cheaper test comes first.
    if (HARMLESS.test(line) || !NOTABLE.test(line)) return
    if (++stage.tried > MAX_TRIED) return
    // After a sure error, only a decisive one still counts.
    const known = stage.name === START ? line.replace(REPEATED_BY_RPM, 'error: ') : line
    const match = matchOf(known, stage.name, stage.found.sure ? DECISIVE_RULES : RULES)
    if (match) this.#keep(match, number, line)
    if (STOPS.test(line)) stage.isStopped = true
  }

  /** Reads an error that rpm repeats, if the log does not contain the original. */
  #readRepeated(line: string, number: number): void {
    if (this.#failed !== undefined || firstError(this.#stage)) return
    const error = REPEATED_ERROR.exec(line)?.[1]
    const match =
      error === undefined ? undefined : matchOf(`error: ${error}`, this.#stage.name, REPEATED_RULES)
    if (match) this.#keep(match, number, line)
  }

  /** Follows a Python traceback up to its exception; returns whether the line belongs to the traceback. */
  #inTraceback(line: string, number: number): boolean {
    if (this.#traceback === undefined) {
      if (CHAINED.test(line)) this.#isChained = true
      const begin = line.includes('Traceback') ? TRACEBACK.exec(line) : null
      if (!begin) return false
      this.#traceback = { indent: begin[1]?.length ?? 0 }
      return true
    }
    const indent = line.search(/\S/)
    if (indent < 0 || indent > this.#traceback.indent) return true
    this.#traceback = undefined
    if (!EXCEPTION.test(line)) return false
    if (line.endsWith('Traceback (most recent call last):')) {
      // The message of the exception is itself a traceback.
      this.#traceback = { indent }
      return true
    }
    const before = this.#exception
    // The exception at the end of a chain is the one that ended the program.
    if (this.#isChained && before && this.#stage.found.sure === before)
      delete this.#stage.found.sure
    this.#isChained = false
    const match = matchOf(line, this.#stage.name, EXCEPTION_RULES) ?? anyException()
    // Tests print tracebacks on purpose, and programs that go on running print them indented in their messages. Neither kind of traceback
    // counts as sure.
    const isSure = indent === 0 && this.#stage.name !== '%check'
    if (!isSure) match.rule = { ...match.rule, rank: 'likely' }
    this.#exception = this.#keep(match, number, line)
    return true
  }

  #keep({ rule, finding, groups }: Match, number: number, line: string): Candidate | undefined {
    const { found, byCategory, isStopped } = this.#stage
    const { rank } = rule
    const isGrouped = rank === 'likely' || rank === 'weak'
    const known = found[rank]
    const { category } = finding
    const isCause =
      known?.isHeading && rule.heading === undefined && number - known.line < FOLLOWED_LINES
    const isNewGroup =
      isCause || (isGrouped && !isStopped && known && number > known.until + GROUP_LINES)
    if (known && isGrouped && !isStopped && !isNewGroup) known.until = number
    if (known && !isNewGroup && (category === undefined || byCategory[category])) return undefined
    const candidate = this.#candidate(number, line)
    candidate.category = category
    candidate.hint = hintOf(finding, groups)
    candidate.below = rule.below ?? []
    candidate.unplaced = rule.unplaced
    candidate.isHeading = rule.heading ?? false
    if (!known || isNewGroup) found[rank] = candidate
    if (category !== undefined) byCategory[category] ??= candidate
    return candidate
  }

  #candidate(number: number, line: string): Candidate {
    const before = this.#recent.filter((one) => one.number < number)
    const first_line = before[0]?.number ?? number
    const lines = [...before.map(({ text }) => text), line].map((text) => detached(text))
    const candidate: Candidate = {
      line: number,
      category: undefined,
      hint: undefined,
      excerpt: { first_line, lines },
      below: [],
      unplaced: undefined,
      isHeading: false,
      until: number,
    }
    this.#open.push(candidate)
    return candidate
  }

  /** Returns the last line that is not empty, which shows what the build was doing when it ended. */
  #lastLine(): Candidate | undefined {
    const last = this.#recent.findLast(({ text }) => text.trim() !== '')
    return last && this.#candidate(last.number, last.text)
  }
}

/** Returns the match for an exception about which no rule says more. */
function anyException(): Match {
  return { rule: ANY_EXCEPTION, finding: ANY_EXCEPTION, groups: [] }
}

interface Match {
  rule: Rule
  finding: Finding
  groups: (string | undefined)[]
}

const DECISIVE_RULES = RULES.filter(({ rank }) => rank === 'decisive')
const REPEATED_RULES = RPM.filter(({ rank }) => rank === 'sure')
const EXCEPTION_RULES = RULES.filter(({ rank }) => rank === 'decisive' || rank === 'sure')

function matchOf(line: string, stage: string, rules: Rule[]): Match | undefined {
  for (const rule of rules) {
    const isAnywhere = stage === START && rule.strict === undefined
    if (rule.only && !isAnywhere && !rule.only.includes(stage)) continue
    const match = rule.pattern.exec(line)
    if (match) return { rule, finding: rule, groups: match.slice(1) }
  }
  return undefined
}

function hintOf({ hint, spell }: Finding, groups: (string | undefined)[]): string | undefined {
  if (!hint?.includes('$1')) return hint
  const name = groups.find((group) => group !== undefined && group !== '')
  return name === undefined ? undefined : hint.replaceAll('$1', () => spell?.(name) ?? name)
}

/** Returns the section that has failed according to this line. */
function failedSection(line: string): string | undefined {
  if (line.includes('Bad exit status')) return LAST_WORD.exec(line)?.[1]
  return line.includes('/rpm-tmp.') ? TRANSLATED_LAST_WORD.exec(line)?.[1] : undefined
}

/**
 * Adds a line below a candidate to the candidate's excerpt. If the line matches a finding in `below`, the candidate gets the category and
 * hint of that finding.
 */
function follow(candidate: Candidate, line: string): void {
  const { lines, first_line } = candidate.excerpt
  if (first_line + lines.length <= candidate.line + LINES_BELOW) lines.push(detached(line))
  for (const finding of candidate.below) {
    const match = finding.pattern.exec(line)
    if (!match) continue
    candidate.category = finding.category
    candidate.hint = hintOf(finding, match.slice(1))
    candidate.below = finding.below ?? []
    return
  }
}

/** Removes the candidates just above a line which says that their error is ignored. */
function forget({ found }: Stage, number: number): void {
  for (const rank of RANKS) {
    const candidate = found[rank]
    if (candidate && candidate.line >= number - IGNORED_LINES) delete found[rank]
  }
}

function firstError({ found }: Stage): Candidate | undefined {
  return RANKS.map((rank) => found[rank]).find((candidate) => candidate !== undefined)
}

/** Returns whether a failure belongs to the section that was running. %clean is the last section; after it, the results are checked. */
function isInSection({ name }: Stage, known: FailureCategory | undefined): boolean {
  if (!name.startsWith('%') || name === '%clean') return false
  return known === undefined || ['timeout', 'resources'].includes(known)
}

/** Returns a printable copy of a line. A substring would keep the whole chunk of the log in memory. */
function detached(line: string): string {
  return Buffer.from(printableLine(line)).toString()
}
