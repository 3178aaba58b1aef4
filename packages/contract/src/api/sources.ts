/** The sources from which SRPMs are made: the fields of requests, and the fields that are stored. */
import { z } from 'zod'
import { ChrootName, PackageName } from '../names.ts'
import { Line, REQUIRED, Text, Words } from './form-fields.ts'

/** Source types that a package can have; the types `link` and `upload` exist only for builds. */
export const SOURCE_TYPES = ['scm', 'distgit', 'pypi', 'rubygems', 'custom'] as const
export type SettableSource = (typeof SOURCE_TYPES)[number]

export const SCM_METHODS = ['rpkg', 'tito', 'tito_test', 'make_srpm'] as const
export const SPEC_GENERATORS = ['pyp2spec', 'pyp2rpm'] as const
export const SPEC_TEMPLATES = ['', 'fedora', 'epel7', 'mageia', 'pld'] as const

const MAX_TEXT = 1000

const line = (max = MAX_TEXT) => Line.pipe(z.string().max(max, `has more than ${max} characters`))
/** One of the given words; an empty form field means the first. */
const choice = <const Words extends readonly [string, ...string[]]>(words: Words) =>
  z.preprocess((value) => (value === '' ? words[0] : value), Line.pipe(z.enum(words))).optional()
/** A string that becomes an argument or a path for git or the builder's tools. */
const plain = (pattern: RegExp, message: string) =>
  line()
    .refine((text) => text === '' || (pattern.test(text) && !hasParent(text)), message)
    .optional()

const Committish = plain(/^[^\s~^:?*[\\-][^\s~^:?*[\\]*$/, 'is not a branch, tag or commit')
const Path = plain(/^[^-].*$/, 'must be a path inside the sources')
const SpecPath = plain(
  /^[^-].*\.spec$|^\.spec$/,
  'RPM spec file must end with .spec, and be a path inside the sources',
)
const Method = choice(SCM_METHODS)

const Scm = z.object({
  clone_url: line().refine(isCloneUrl, 'must be a URL of a repository, with a dotted host'),
  scm_type: choice(['git', 'svn']),
  committish: Committish,
  subdirectory: Path,
  spec: SpecPath,
  source_build_method: Method,
  srpm_build_method: Method,
})

const Distgit = z.object({
  distgit: line(100).optional(),
  namespace: plain(/^[A-Za-z0-9_@][A-Za-z0-9_@.~/-]*$/, 'is not a valid namespace'),
  committish: Committish,
})

const PythonVersions = z
  .preprocess(
    (value) => (Array.isArray(value) ? value.map((each: unknown) => numberAsText(each)) : value),
    Words,
  )
  .refine(
    (versions) =>
      versions.length <= 10 && versions.every((each) => /^[23](\.\d{1,2})?$/.test(each)),
    'must be a list of Python versions',
  )
  .optional()

const Pypi = z.object({
  pypi_package_name: line(93).refine(isProjectWord, 'must be the name of a project on PyPI'),
  pypi_package_version: plain(/^[A-Za-z0-9][A-Za-z0-9.!+_-]*$/, 'is not a version'),
  spec_generator: choice(SPEC_GENERATORS),
  spec_template: Line.pipe(z.enum(SPEC_TEMPLATES)).optional(),
  python_versions: PythonVersions,
})

const Rubygems = z.object({
  gem_name: line(92).refine(isProjectWord, 'must be the name of a gem'),
})

const MAX_SCRIPT = 4096
const Script = Text.pipe(
  z
    .string()
    .max(MAX_SCRIPT, `Maximum script size is 4kB: it has more than ${MAX_SCRIPT} characters`)
    .refine((text) => text.trim() !== '', REQUIRED),
)
const Chroot = z
  .preprocess((value) => (value === '' ? undefined : value), Line.pipe(ChrootName).optional())
  .optional()
const List = Words.refine((words) => words.join(' ').length <= 10_000, 'is too long').optional()

const Custom = z.object({
  script: Script,
  chroot: Chroot,
  script_chroot: Chroot,
  builddeps: List,
  script_builddeps: List,
  resultdir: Path,
  script_resultdir: Path,
  repos: List,
  script_repos: List,
})

export const SOURCE_FIELDS = {
  scm: Scm,
  distgit: Distgit,
  pypi: Pypi,
  rubygems: Rubygems,
  custom: Custom,
} as const satisfies Record<SettableSource, z.ZodObject>

/** A build from dist-git must name the package; the source settings of a package need not, because its name is known. */
export const DistgitBuild = Distgit.extend({ package_name: Line.pipe(PackageName) })

/** Maps older names of fields to the current ones. */
export const SOURCE_ALIASES: Record<string, string> = {
  srpm_build_method: 'source_build_method',
  script_chroot: 'chroot',
  script_builddeps: 'builddeps',
  script_resultdir: 'resultdir',
  script_repos: 'repos',
}

export function isSettableSource(type: string): type is SettableSource {
  return (SOURCE_TYPES as readonly string[]).includes(type)
}

function isCloneUrl(text: string): boolean {
  const url = URL.parse(text)
  if (!url || !['http:', 'https:', 'git:', 'svn:'].includes(url.protocol)) return false
  return /^\[.+\]$|^[^\s-][^\s]*\.[^\s]+$/.test(url.hostname) && !/\s/.test(text)
}

function isProjectWord(text: string): boolean {
  return /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(text)
}

function hasParent(path: string): boolean {
  return path.split('/').includes('..')
}

function numberAsText(value: unknown): unknown {
  return typeof value === 'number' ? String(value) : value
}
