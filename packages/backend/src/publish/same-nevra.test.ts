import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { COMMAND } from '@copr/domain/audit/actor'
import { deleteBuilds } from '@copr/domain/builds/cancel'
import { missingTools, temporaryDirectory } from '@copr/rpm/testing/real-rpm'
import { dnfFor } from '../testing/dnf.ts'
import { buildPackages } from '../testing/packages.ts'
import { CHROOT, TestBackend } from '../testing/test-backend.ts'
import { publishDue } from './publish-loop.ts'
import { publishDueRepositories } from './publish-repository.ts'

const skip = missingTools('rpmbuild', 'createrepo_c', 'dnf')
const never = new AbortController().signal

test(
  'dnf installs the newest build of a NEVRA, and the previous build after the newest is deleted',
  { skip },
  async () => {
    await using scratch = await temporaryDirectory()
    const hello = await buildPackages(scratch.path)
    const other = await buildPackages(scratch.path, { name: 'other' })
    await using system = await TestBackend.start({ withKeygen: true })
    const agent = await system.agent()
    const project = `${system.url}/results/dana/telescope`
    await using client = await dnfFor(`${project}/${CHROOT}/`, `${project}/pubkey.gpg`)
    const locations = () => client.query('repoquery', '--qf', '%{name}.%{arch} %{location}')
    const publish = async (): Promise<void> => {
      await publishDue(system.backend, never)
      await publishDueRepositories(system.backend, never)
    }
    const first = await system.built(agent, hello)
    await system.built(agent, other)
    await publish()
    const before = await locations()
    assert.equal(before.length, 6)

    const repaired = await buildPackages(scratch.path, { greeting: 'repaired' })
    const second = await system.built(agent, repaired)
    await publish()
    const { chroot } = await system.build(second)
    assert.deepEqual(
      (await locations()).filter((line) => line.startsWith('hello')),
      ['hello-doc.noarch', 'hello.noarch', 'hello.src'].map((name) => {
        const [, which, arch] = /^(.*)\.(.*)$/.exec(name) ?? []
        return `${name} ${chroot?.result_dir}/${which}-1.0-1.${arch}.rpm`
      }),
    )
    const installed = await client.dnf('install', 'hello')
    assert.ok(installed.ok, installed.output)
    assert.equal(
      await readFile(join(client.root, 'usr/share/hello/greeting'), 'utf8'),
      'repaired\n',
    )
    // The packages of the first build stay in place, so that they can be published again after the second build is deleted.
    assert.equal((await system.build(first)).state, 'succeeded')

    await deleteBuilds(system.db, COMMAND, [second], new Date())
    await publish()
    assert.deepEqual(await locations(), before)
  },
)
