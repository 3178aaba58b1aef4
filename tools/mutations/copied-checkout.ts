import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { run, type RunOptions, type RunOutcome } from '../../packages/process/src/run.ts'
import { type Mutation, mutated } from './mutation.ts'

export interface CopiedCheckout extends AsyncDisposable {
  /** Runs a test file in the copy; the output is in TAP format. */
  test(
    file: string,
    options: Pick<RunOptions, 'signal' | 'timeout_ms' | 'onOutput'>,
  ): Promise<RunOutcome>
  /** Applies the fault to the copy until the returned object is disposed of. */
  mutate(mutation: Mutation): Promise<AsyncDisposable>
}

/**
 * Copies the checkout, including uncommitted changes, so that faults can be put into the copy's code. Everything except the packages is
 * linked; `node_modules/@copr` is copied, because its relative links then lead to the copied packages.
 */
export async function copyCheckout(root: string): Promise<CopiedCheckout> {
  const copy = await mkdtemp(join(tmpdir(), 'copr-mutations-'))
  const link = async (path: string): Promise<void> =>
    await symlink(join(root, path), join(copy, path))
  for (const name of await readdir(root))
    if (!['packages', 'node_modules', '.git', 'tmp'].includes(name)) await link(name)
  await cp(join(root, 'packages'), join(copy, 'packages'), {
    recursive: true,
    filter: (path) => basename(path) !== 'node_modules',
  })
  await mkdir(join(copy, 'tmp'))
  await mkdir(join(copy, 'node_modules'))
  for (const name of await readdir(join(root, 'node_modules')))
    if (name !== '@copr') await link(`node_modules/${name}`)
  const ours = 'node_modules/@copr'
  await cp(join(root, ours), join(copy, ours), { recursive: true, verbatimSymlinks: true })
  return {
    async test(file, options) {
      // Tests that are killed leave temporary files behind, so these go into the copy's folder.
      const env = { ...process.env, TMPDIR: join(copy, 'tmp') } as Record<string, string>
      const args = ['--test', '--test-reporter=tap', file]
      return await run(process.execPath, args, { ...options, cwd: copy, env })
    },
    async mutate(mutation) {
      const path = join(copy, mutation.file)
      const source = await readFile(path, 'utf8')
      await writeFile(path, mutated(source, mutation))
      return { [Symbol.asyncDispose]: async () => await writeFile(path, source) }
    },
    async [Symbol.asyncDispose]() {
      await rm(copy, { recursive: true, force: true })
    },
  }
}
