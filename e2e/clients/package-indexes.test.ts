import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import {
  type ClientFixture,
  clientFixture,
  createdBuilds,
  createProject,
  inProject,
  onlyBuild,
} from '@copr/testkit/clients/client-fixture'
import { type DnfCopr, dnfCopr } from '@copr/testkit/clients/dnf-copr'
import { failReason } from '@copr/testkit/system/build-summary'
import { whyNoSystem } from '@copr/testkit/system/requirements'
import { DISTRO_CHROOT } from '@copr/demo-distro/chroot'
import { runOrThrow } from '@copr/process/run'

const PROJECT = 'indexed'
/** A second project, whose packages are built from the sources stored for them. */
const STORED = 'stored'
/** Stands in for the library that copr-cli uses to find the order in which dependencies must be built. */
const COPRTREE = {
  '__init__.py': '',
  'exceptions.py': 'class CoprtreeError(Exception):\n    pass\n',
  'models.py': 'from types import SimpleNamespace as BuildEnv, SimpleNamespace as BuildTarget\n',
  'coprtree.py': `from types import SimpleNamespace

def resolve_dependencies(target, env):
    assert env.copr_project.endswith("/${PROJECT}"), env.copr_project
    yield [SimpleNamespace(name="shelf-base", version="1.0"), SimpleNamespace(name="shelf-side", version="1.0")]
    yield [SimpleNamespace(name=target.name, version="2.0")]
`,
}

suite('packages of PyPI and RubyGems', { skip: whyNoSystem(process.env['PATH']) }, () => {
  let fixture: ClientFixture
  let dnf: DnfCopr
  const succeeds = async (id: number): Promise<void> => {
    const { state } = await fixture.system.api.waitForBuild(id, 900_000)
    assert.equal(state, 'succeeded', `${await failReason(fixture.system, id)}`)
  }
  const versionOf = async (id: number): Promise<string | null> =>
    (await fixture.system.api.waitForBuild(id, 900_000)).source_package.version

  before(async () => {
    fixture = await clientFixture()
    dnf = dnfCopr(fixture.system)
    const { indexes } = fixture
    await indexes.addProject({ name: 'shelf', version: '1.0' })
    await indexes.addGem({
      name: 'shelf-gem',
      version: '1.0.1',
      files: { 'lib/shelf_gem.rb': 'module ShelfGem; NAME = "gem"; end\n', 'README.md': 'Shelf\n' },
    })
    await createProject(fixture, PROJECT)
  })
  after(async () => {
    dnf?.[Symbol.dispose]()
    await fixture?.[Symbol.asyncDispose]()
  })

  test('`buildpypi` and `buildgem` make packages that dnf installs and programs can use', async () => {
    const { cli } = fixture
    const project = ['--packagename', 'shelf', '--packageversion', '1.0']
    const pypi = onlyBuild(await cli.ok('buildpypi', PROJECT, ...project, '--nowait'))
    const gem = onlyBuild(await cli.ok('buildgem', PROJECT, '--gem', 'shelf-gem', '--nowait'))
    await succeeds(pypi)
    await succeeds(gem)
    const enabled = await dnf.copr('enable', `${cli.username}/${PROJECT}`, DISTRO_CHROOT)
    assert.ok(enabled.ok, enabled.output)
    const installed = await dnf.dnf('install', 'python3-shelf', 'rubygem-shelf-gem', 'bash')
    assert.ok(installed.ok, installed.output)
    const inRoot = async (...command: string[]): Promise<string> =>
      await runOrThrow('chroot', [dnf.root, ...command])
    const python = 'import shelf; print(shelf.greet())'
    assert.equal(await inRoot('python3', '-c', python), 'shelf 1.0\n')
    const ruby = ['-e', 'require "shelf_gem"; puts ShelfGem::NAME']
    assert.equal(await inRoot('ruby', ...ruby), 'gem\n')
  })

  test('a package with a PyPI or gem source is built from the newest version, even when a webhook starts the build', async () => {
    const { cli, get, indexes, system } = fixture
    const options = ['--name', 'python-shelf', '--packagename', 'shelf', '--webhook-rebuild', 'on']
    await createProject(fixture, STORED)
    await cli.ok('add-package-pypi', STORED, ...options)
    await indexes.addProject({ name: 'shelf', version: '1.1' })
    const first = onlyBuild(
      await cli.ok('build-package', STORED, '--name', 'python-shelf', '--nowait'),
    )
    await succeeds(first)
    assert.equal(await versionOf(first), '1.1-1')
    await cli.ok(
      'add-package-rubygems',
      STORED,
      '--name',
      'rubygem-shelf-gem',
      '--gem',
      'shelf-gem',
    )
    const gem = onlyBuild(
      await cli.ok('build-package', STORED, '--name', 'rubygem-shelf-gem', '--nowait'),
    )
    await succeeds(gem)
    assert.equal(await versionOf(gem), '1.0.1-1')

    await indexes.addProject({ name: 'shelf', version: '1.2' })
    const { id: project } = await get<{ id: number }>(`project?${inProject(fixture, STORED)}`)
    const printed = await cli.answering('y\n', 'new-webhook-secret', STORED)
    const secret = /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(printed)?.[0]
    const url = `${system.url}/webhooks/custom/${project}/${secret}/python-shelf/`
    const response = await fetch(url, { method: 'POST' })
    assert.equal(response.status, 200)
    const rebuilt = Number(await response.text())
    await succeeds(rebuilt)
    assert.equal(await versionOf(rebuilt), '1.2-1')
  })

  test('`buildpypi --with-deps` builds a package after all its dependencies', async () => {
    const { clients, cli, dir, indexes } = fixture
    await indexes.addProject({ name: 'shelf-base', version: '1.0' })
    await indexes.addProject({ name: 'shelf-side', version: '1.0' })
    const requires = ['shelf-base>=1.0', 'shelf-side']
    await indexes.addProject({ name: 'shelf-app', version: '2.0', requires })
    const library = join(dir, 'library/coprtree')
    mkdirSync(library, { recursive: true })
    for (const [name, text] of Object.entries(COPRTREE)) writeFileSync(join(library, name), text)
    const args = ['--packagename', 'shelf-app', '--with-deps', '--chroot', DISTRO_CHROOT]
    const output = await runOrThrow(
      clients.program,
      ['--config', cli.config, 'buildpypi', PROJECT, ...args, '--nowait'],
      { env: { HOME: dir, PYTHONPATH: join(dir, 'library') } },
    )
    const [base = 0, side = 0, app = 0] = createdBuilds(output)
    await succeeds(app)
    for (const id of [base, side])
      assert.equal((await fixture.system.api.waitForBuild(id, 900_000)).state, 'succeeded')
    const [baseEnd, sideEnd, appStart] = [
      (await fixture.system.api.build(base)).ended_on ?? Infinity,
      (await fixture.system.api.build(side)).ended_on ?? Infinity,
      (await fixture.system.api.build(app)).started_on ?? 0,
    ]
    assert.ok(appStart >= Math.max(baseEnd, sideEnd), `${appStart}: ${baseEnd}, ${sideEnd}`)
    const installed = await dnf.dnf('install', '--refresh', 'python3-shelf-app')
    assert.ok(installed.ok, installed.output)
  })
})
