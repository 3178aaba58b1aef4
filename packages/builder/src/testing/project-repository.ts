import { copyFile, mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { runOrThrow } from '@copr/process/run'
import { build, fixture, specOf } from './engine-suite.ts'

/** Creates a repository like a project's, to which tests can add packages. */
export async function projectRepository(name: string) {
  const dir = await mkdtemp(join(fixture.dir, `${name}-`))
  const index = (): Promise<string> => runOrThrow('createrepo_c', ['--no-database', dir])
  await index()
  const repos = [
    {
      id: 'copr_base',
      name: 'Project',
      baseurl: pathToFileURL(dir).href,
      priority: null,
      module_hotfixes: null,
      gpgcheck: false,
      repo_gpgcheck: null,
      gpgkey: null,
      is_external: false,
    },
  ]
  /** Builds a package with the engine and adds it. */
  async function add(
    package_name: string,
    { spec, ...sections }: Parameters<typeof specOf>[0] & { spec?: string } = {},
  ) {
    const task = await fixture.task(spec ?? specOf({ ...sections, name: package_name }))
    const { uploads } = (await build(task)).context
    for (const [name, path] of uploads)
      if (name.endsWith('.noarch.rpm')) await copyFile(path, join(dir, name))
    await index()
  }
  /** Adds a package with these scriptlets. Builds it with this machine's rpmbuild, which is faster than the engine. */
  async function addWithScriptlets(package_name: string, scriptlets: string) {
    const spec = join(dir, `${package_name}.spec`)
    await writeFile(spec, `${specOf({ name: package_name })}\n${scriptlets}\n`)
    const macros = ['--define', `_topdir ${dir}/topdir`, '--define', `_rpmdir ${dir}`]
    await runOrThrow('rpmbuild', ['-bb', ...macros, spec], { env: { HOME: dir } })
    await index()
  }
  return { repos, add, addWithScriptlets }
}
