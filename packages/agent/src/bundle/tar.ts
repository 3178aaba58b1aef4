const BLOCK = 512
const NAME_BYTES = 100
const PREFIX_BYTES = 155

export type TarEntry =
  | { path: string; content: Buffer; executable?: boolean }
  | { path: string; link: string }

/** A tar archive that depends on nothing but its entries: no times, no owners. */
export function tar(entries: TarEntry[]): Buffer {
  const blocks: Buffer[] = []
  for (const entry of entries) {
    const content = 'content' in entry ? entry.content : Buffer.alloc(0)
    blocks.push(header(entry, content.length), content)
    blocks.push(Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK))
  }
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)])
}

function header(entry: TarEntry, size: number): Buffer {
  const block = Buffer.alloc(BLOCK)
  const { name, prefix } = splitPath(entry.path)
  const number = (value: number, at: number, length: number): void =>
    void block.write(value.toString(8).padStart(length - 1, '0'), at)
  block.write(name, 0)
  number('content' in entry && !entry.executable ? 0o644 : 0o755, 100, 8)
  number(0, 108, 8)
  number(0, 116, 8)
  number(size, 124, 12)
  number(0, 136, 12)
  block.write('        ', 148)
  block.write('link' in entry ? '2' : '0', 156)
  if ('link' in entry) block.write(entry.link, 157)
  block.write('ustar\x0000', 257)
  block.write(prefix, 345)
  let sum = 0
  for (const byte of block) sum += byte
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return block
}

function splitPath(path: string): { name: string; prefix: string } {
  if (Buffer.byteLength(path) <= NAME_BYTES) return { name: path, prefix: '' }
  for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
    const [prefix, name] = [path.slice(0, slash), path.slice(slash + 1)]
    if (Buffer.byteLength(name) <= NAME_BYTES && Buffer.byteLength(prefix) <= PREFIX_BYTES)
      return { name, prefix }
  }
  throw new Error(`Cannot pack ${path}: its name is too long`)
}
