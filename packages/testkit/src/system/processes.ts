import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

export interface ProcessDescription {
  pid: number
  parent: number
  args: string[]
  cwd: string
}

/** Lists the processes of this machine, except zombies and processes that exit while the list is being read. */
function listProcesses(): ProcessDescription[] {
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name)
    if (!Number.isInteger(pid)) return []
    const stat = readProc(pid, 'stat')
    const args = readProc(pid, 'cmdline')
    if (stat === undefined || args === undefined) return []
    // The process name is in parentheses and may itself contain spaces and parentheses.
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (state === 'Z') return []
    return [{ pid, parent: Number(parent), args: args.split('\0').slice(0, -1), cwd: linkOf(pid) }]
  })
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return undefined
  }
}

function linkOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return ''
  }
}

/**
 * Lists the processes that use a folder: in their command line, as their working directory, or in their mounts. The mounts are the only
 * trace of a folder in a sandbox.
 */
export function processesOf(dir: string): ProcessDescription[] {
  return listProcesses().filter(
    ({ pid, args, cwd }) =>
      pid !== process.pid &&
      (args.some((arg) => arg.includes(dir)) || cwd.startsWith(dir) || mountsOf(pid).length > 0),
  )

  function mountsOf(pid: number): string[] {
    return (readProc(pid, 'mountinfo') ?? '').split('\n').filter((line) => line.includes(dir))
  }
}

/** Returns the peak and current memory of a process, in bytes. */
export function memoryOf(pid: number): { peak: number; now: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kib = (field: string): number =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0)
  return { peak: kib('VmHWM') * 1024, now: kib('VmRSS') * 1024 }
}

export function isAlive(pid: number): boolean {
  return listProcesses().some((one) => one.pid === pid)
}

export type ComponentToFind = 'main' | 'keygen' | 'postgres' | 'agent'

/** Returns the process IDs of one component of the system that runs on `dataDir`; agents are sorted by name. */
export function findComponent(component: ComponentToFind, dataDir: string): number[] {
  const has = (args: string[], ...words: string[]): boolean =>
    words.every((word) => args.includes(word))
  const all = listProcesses()
  const runs = (kind: string): ProcessDescription[] =>
    all.filter(({ args }) => has(args, 'run', kind, `${dataDir}/copr.yaml`))
  switch (component) {
    case 'main':
      return all.filter(({ args }) => has(args, 'up', dataDir)).map(({ pid }) => pid)
    case 'keygen':
      return runs('keygen').map(({ pid }) => pid)
    case 'agent':
      return runs('builder')
        .toSorted((a, b) => nameIn(a.args).localeCompare(nameIn(b.args)))
        .map(({ pid }) => pid)
    case 'postgres': {
      const server = all.filter(({ args }) => has(args, '-D', `${dataDir}/postgres/data`))
      return server.map(({ pid }) => pid)
    }
  }
}

/** Returns the builder name of an agent. */
function nameIn(args: string[]): string {
  return args[args.indexOf('--name') + 1] ?? ''
}
