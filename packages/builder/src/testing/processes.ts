import { readdir, readFile } from 'node:fs/promises'

export interface ProcessOnMachine {
  pid: number
  command: string[]
}

/** Returns the processes on the machine that have this word in their arguments. */
export async function processesWith(word: string): Promise<ProcessOnMachine[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const processes = await Promise.all(
    ids.map(async (id) => {
      const line = await readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '')
      return { pid: Number(id), command: line.split('\0') }
    }),
  )
  return processes.filter(({ command }) => command.includes(word))
}
