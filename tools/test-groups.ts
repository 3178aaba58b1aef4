import { pathToFileURL } from 'node:url'

/**
 * The maximum number of files per group. With more files, little time would be saved, and on machines with many cores the last group would
 * run alone.
 */
const MAX_FILES = 10

/** Code that changes or observes state that all test files in a process share. */
const STATEFUL: readonly RegExp[] = [
  // environment, working directory, exit code
  /\bprocess\.env\[[^\]]*\] *=[^=]|\bdelete process\.env\b|\bprocess\.env *=[^=]/,
  /\bprocess\.(chdir|umask|exit|exitCode|title|set\w*id)\b/,
  // signals, unhandled errors, open handles, memory
  /\bprocess\.(on|once|off|emit|kill|getActiveResourcesInfo|memoryUsage|resourceUsage|cpuUsage)\b/,
  // mocks and globals
  /\bmock\b|\bglobalThis\b|\bsetDefault\w+\(|\bsetGlobal\w+\(/,
  // Hooks outside of suites, including those in helpers: they would also run for the tests of other files, or would not run for those of
  // this file.
  /^(before|beforeEach|after|afterEach|use[A-Z]\w*)\(/m,
]

export interface TestSource {
  path: string
  source: string
}

/** Returns whether a test file can share a process with other test files. */
export function isGroupable({ source }: TestSource): boolean {
  return !STATEFUL.some((pattern) => pattern.test(source))
}

/** Groups test files of the same package. A file that cannot share a process forms a group of its own. */
export function groupFiles(files: TestSource[]): string[][] {
  const by_package = Map.groupBy(files.filter(isGroupable), ({ path }) => packageOf(path))
  const alone = files.filter((file) => !isGroupable(file)).map(({ path }) => [path])
  const groups = [...by_package.values()].flatMap((each) => split(each.map(({ path }) => path)))
  return [...groups, ...alone]
}

function packageOf(path: string): string {
  return path.split('/', path.startsWith('packages/') ? 2 : 1).join('/')
}

/**
 * Distributes the files over as few groups as possible. Neighboring files go to different groups, because slow files are often neighbors.
 */
function split(paths: string[]): string[][] {
  const count = Math.ceil(paths.length / MAX_FILES)
  return Array.from({ length: count }, (_, group) => paths.filter((_, i) => i % count === group))
}

/**
 * Returns a program that registers the tests of these files. A file that cannot be loaded becomes a failed test with the file's path as its
 * title.
 */
export function groupSource(paths: string[]): string {
  const files = paths.map((path) => [path, pathToFileURL(path).href])
  return `import { test } from 'node:test'
for (const [path, url] of ${JSON.stringify(files)})
  await import(url).catch((error) => test(path, () => Promise.reject(error)))
`
}
