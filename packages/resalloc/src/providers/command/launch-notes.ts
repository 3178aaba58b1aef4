import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'

/** Facts that scripts cannot report a second time: the output of a launch, and whether it has ended. */
const Note = z.object({
  name: z.string(),
  machine_id: z.number(),
  /** `creating` means that the outcome is unknown, unless this process is running the launch. */
  phase: z.enum(['creating', 'up', 'ended']),
  at: z.coerce.date(),
  output: z.string().default(''),
})
export type Note = z.infer<typeof Note>

const FORGET_MS = 30 * 86_400_000

/** Stores a file for each launch of a pool, in a folder that outlives the manager's process. */
export class LaunchNotes {
  readonly #dir: string

  constructor(dir: string) {
    this.#dir = dir
  }

  pathOf(name: string, end = 'json'): string {
    return join(this.#dir, `${encodeURIComponent(name)}.${end}`)
  }

  async write(note: Note): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 })
    const path = this.pathOf(note.name)
    await writeFile(`${path}.new`, JSON.stringify(note))
    await rename(`${path}.new`, path)
  }

  async read(name: string): Promise<Note | undefined> {
    try {
      return Note.parse(JSON.parse(await readFile(this.pathOf(name), 'utf8')))
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
      throw error
    }
  }

  /** Returns the notes of launches that have not ended; deletes those that ended long ago. */
  async living(now: Date): Promise<Note[]> {
    const files = await readdir(this.#dir).catch(() => [])
    const living: Note[] = []
    for (const file of files) {
      if (!file.endsWith('.json')) continue
      const note = await this.read(decodeURIComponent(file.slice(0, -'.json'.length)))
      if (!note) continue
      if (note.phase !== 'ended') living.push(note)
      else if (now.getTime() - note.at.getTime() > FORGET_MS)
        await rm(this.pathOf(note.name), { force: true })
    }
    return living
  }
}
