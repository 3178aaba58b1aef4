import { createHash, randomBytes } from 'node:crypto'
import { access, mkdir, open, rename } from 'node:fs/promises'
import { dirname as parentOf, join } from 'node:path'
import { promisify } from 'node:util'
import { deflate } from 'node:zlib'
import { hasCode, syncDir } from './layout.ts'

// Objects are written here and not by git, because starting a process takes longer than writing the four small files of an import.

export interface GitObject {
  id: string
  type: 'blob' | 'tree' | 'commit'
  content: Buffer
}

export interface TreeEntry {
  name: string
  executable: boolean
  id: string
}

export function makeObject(type: GitObject['type'], content: Buffer): GitObject {
  const id = createHash('sha1').update(header(type, content)).update(content).digest('hex')
  return { id, type, content }
}

/** Makes a tree object from entries. Git requires them to be sorted by the bytes of their names. */
export function makeTree(entries: TreeEntry[]): GitObject {
  const named = entries.map((entry) => ({ ...entry, bytes: Buffer.from(entry.name) }))
  const parts = named
    .toSorted((a, b) => Buffer.compare(a.bytes, b.bytes))
    .flatMap(({ bytes, executable, id }) => [
      Buffer.from(executable ? '100755 ' : '100644 '),
      bytes,
      Buffer.from([0]),
      Buffer.from(id, 'hex'),
    ])
  return makeObject('tree', Buffer.concat(parts))
}

export function makeCommit(commit: {
  tree: string
  parent: string | undefined
  message: string
  now: Date
}): GitObject {
  const who = `Copr dist-git <copr@localhost> ${Math.floor(commit.now.getTime() / 1000)} +0000`
  const lines = [
    `tree ${commit.tree}`,
    ...(commit.parent === undefined ? [] : [`parent ${commit.parent}`]),
    `author ${who}`,
    `committer ${who}`,
    '',
    commit.message,
    '',
  ]
  return makeObject('commit', Buffer.from(lines.join('\n')))
}

/** Stores a loose object durably and atomically: it survives a power failure, and no incomplete object is left if the process is killed. */
export async function writeObject(gitDir: string, { id, type, content }: GitObject): Promise<void> {
  const dir = join(gitDir, 'objects', id.slice(0, 2))
  const path = join(dir, id.slice(2))
  if (await exists(path)) return
  const packed = await promisify(deflate)(Buffer.concat([header(type, content), content]))
  await makeShelf(dir)
  // This is the prefix that git itself uses: its garbage collection removes files that killed processes left behind.
  const temp = join(dir, `tmp_obj_${randomBytes(6).toString('hex')}`)
  {
    await using handle = await open(temp, 'wx', 0o444)
    await handle.writeFile(packed)
    await handle.sync()
  }
  await rename(temp, path)
  await syncDir(dir)
}

/** Makes a folder, but not its parents: if the repository was deleted in the meantime, this must fail. */
async function makeShelf(dir: string): Promise<void> {
  try {
    await mkdir(dir)
  } catch (err) {
    if (hasCode(err, 'EEXIST')) return
    throw err
  }
  await syncDir(parentOf(dir))
}

function header(type: string, content: Buffer): Buffer {
  return Buffer.from(`${type} ${content.length}\0`)
}

/** Reports whether an object is stored as a loose object; imports never pack objects. */
export async function hasObject(gitDir: string, id: string): Promise<boolean> {
  return await exists(join(gitDir, 'objects', id.slice(0, 2), id.slice(2)))
}

export async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  )
}
