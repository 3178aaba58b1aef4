export async function* decompressXz(_chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  throw new Error('xz is not supported yet')
}
export async function* decompressLzma(_chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  throw new Error('lzma is not supported yet')
}
