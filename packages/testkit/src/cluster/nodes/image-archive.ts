import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runOrThrow } from '@copr/process/run'

export interface ImageConfig {
  /** For example `registry.invalid/probe:1`. */
  name: string
  command: string[]
  env?: string[]
}

/** Creates an OCI archive with a single layer from a folder, without using an image builder. */
export async function archiveImage(
  root: string,
  archive: string,
  { name, command, env = ['PATH=/bin'] }: ImageConfig,
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'copr-image-'))
  const blobs = join(dir, 'blobs', 'sha256')
  mkdirSync(blobs, { recursive: true })
  const put = (content: Buffer): { digest: string; size: number } => {
    const hash = createHash('sha256').update(content).digest('hex')
    writeFileSync(join(blobs, hash), content)
    return { digest: `sha256:${hash}`, size: content.length }
  }
  const putJson = (value: unknown): { digest: string; size: number } =>
    put(Buffer.from(JSON.stringify(value)))
  try {
    const tar = join(dir, 'layer.tar')
    await runOrThrow('tar', ['--numeric-owner', '-C', root, '-cf', tar, '.'])
    const layer = put(readFileSync(tar))
    rmSync(tar)
    const architecture = process.arch === 'x64' ? 'amd64' : process.arch
    const config = putJson({
      architecture,
      os: 'linux',
      config: { Cmd: command, Env: env, User: '65534:0' },
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
    })
    const oci = 'application/vnd.oci.image'
    const manifest = putJson({
      schemaVersion: 2,
      mediaType: `${oci}.manifest.v1+json`,
      config: { mediaType: `${oci}.config.v1+json`, ...config },
      layers: [{ mediaType: `${oci}.layer.v1.tar`, ...layer }],
    })
    const annotations = { 'io.containerd.image.name': name }
    const entry = { mediaType: `${oci}.manifest.v1+json`, ...manifest, annotations }
    writeFileSync(join(dir, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }))
    writeFileSync(join(dir, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
    await runOrThrow('tar', ['-C', dir, '-cf', archive, 'oci-layout', 'index.json', 'blobs'])
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
