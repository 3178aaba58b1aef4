import { buffer } from 'node:stream/consumers'
import { pack } from 'tar-stream'

export type TarEntry = { path: string; content: Buffer } | { path: string; link: string }

/** Packs a tar archive that depends only on its entries: it contains no times and no owners. */
export async function tar(entries: TarEntry[]): Promise<Buffer> {
  const archive = pack()
  for (const entry of entries) {
    const common = { name: entry.path, mtime: new Date(0), uid: 0, gid: 0, mode: 0o644 }
    if ('link' in entry) archive.entry({ ...common, type: 'symlink', linkname: entry.link })
    else archive.entry(common, entry.content)
  }
  archive.finalize()
  return await buffer(archive)
}
