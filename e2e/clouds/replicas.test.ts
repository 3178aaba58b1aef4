import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { DISTRO_CHROOT } from '@copr/demo-distro/chroot'
import { startMoto, type Moto } from '@copr/testkit/python/moto'
import { followLog } from '@copr/testkit/system/follow-log'
import { checkPackages, readRepository, watchRepository } from '@copr/testkit/system/repository'
import { whyNoSystem } from '@copr/testkit/system/requirements'
import { scratchRoot } from '@copr/testkit/system/scratch-root'
import { type Replicas, startReplicas } from '@copr/testkit/system/start-replicas'
import { tinySources, type TinySources } from '@copr/testkit/system/tiny-srpm'
import { until } from '@copr/testkit/system/until'

const PROJECT = 'replicated'
const BUCKET = 'copr-results'
const SLOW = 'for i in 1 2 3 4 5 6; do echo still building $i; sleep 0.3; done'

suite(
  'two backends with results in S3, one of which is killed',
  { skip: whyNoSystem(process.env['PATH']) },
  () => {
    let moto: Moto
    let system: Replicas
    let sources: TinySources

    before(async () => {
      sources = tinySources()
      moto = await startMoto()
      await fetch(`${moto.url}/${BUCKET}`, { method: 'PUT' })
      system = await startReplicas({ backends: 2, results: { s3: s3At(moto.url) } })
      await system.api.createProject(PROJECT)
    })
    after(async () => {
      sources?.[Symbol.dispose]()
      await system?.[Symbol.asyncDispose]()
      await moto?.[Symbol.asyncDispose]()
    })

    const project = (): string => `${system.url}/results/${system.api.username}/${PROJECT}`
    const repository = (): string => `${project()}/${DISTRO_CHROOT}/`
    const noteOf = async (id: number, name: string): Promise<string> => {
      const place = `${String(id).padStart(8, '0')}-${name}`
      const answer = await fetch(`${repository()}${place}/backend.log`)
      return answer.ok ? await answer.text() : ''
    }

    async function assertSucceeds(id: number, name: string): Promise<void> {
      const { state } = await system.api.waitForBuild(id, 180_000)
      assert.equal(state, 'succeeded', `${await system.api.log(id)}\n${system.logs()}`)
      const { packages } = await readRepository(repository())
      const nevras = packages
        .map(({ nevra }) => nevra)
        .filter((each) => each.startsWith(`${name}-`))
      assert.deepEqual(nevras.toSorted(), [`${name}-1.0-1.noarch`, `${name}-1.0-1.src`])
    }

    test('a build succeeds, its log can be read while it grows, and dnf installs the package', async () => {
      const srpm = await sources.make({ name: 'first', build: SLOW })
      const { id } = await system.api.uploadBuild(PROJECT, srpm)
      const { live, growths } = await followLog(system.api, id)
      await assertSucceeds(id, 'first')
      assert.ok(growths > 1, `it grew ${growths} times`)
      assert.ok((await system.api.log(id)).startsWith(live.slice(0, 200)))
      using root = await scratchRoot(system, PROJECT)
      await root.install('first')
    })

    test('a build that is running when a backend is killed still succeeds', async () => {
      const srpm = await sources.make({ name: 'second', build: SLOW })
      const { id } = await system.api.uploadBuild(PROJECT, srpm)
      await until(async () => (await system.api.log(id)).includes('\nstill building 2'), {
        timeout_ms: 120_000,
        what: `build ${id} to be under way`,
        seen: () => system.logs(),
      })
      await system.killBackend(0)
      await assertSucceeds(id, 'second')
    })

    test('a build succeeds if a backend is killed while publishing it, and no reader sees a partial repository', async () => {
      await system.startBackend(0)
      const watch = await watchRepository(repository(), `${project()}/pubkey.gpg`)
      const srpm = await sources.make({ name: 'third' })
      const { id } = await system.api.uploadBuild(PROJECT, srpm)
      await until(async () => (await noteOf(id, 'third')).includes('built: '), {
        timeout_ms: 120_000,
        what: `build ${id} to be built`,
        every_ms: 20,
        seen: () => system.logs(),
      })
      await watch.end()
      await system.killBackend(1)
      await assertSucceeds(id, 'third')
      await system.startBackend(1)
      await checkPackages(repository(), await readRepository(repository()))
      using root = await scratchRoot(system, PROJECT)
      await root.install('second', 'third')
    })

    test('a deleted project leaves nothing in the bucket', async () => {
      const deleted = await system.api.raw(
        'DELETE',
        `project/delete/${system.api.username}/${PROJECT}`,
      )
      assert.equal(deleted.status, 200, JSON.stringify(deleted.body))
      const left = async (): Promise<string[]> => {
        const listing = await (await fetch(`${moto.url}/${BUCKET}?list-type=2`)).text()
        return [...listing.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key = '']) => key)
      }
      let keys: string[] = []
      await until(async () => (keys = await left()).length === 0, {
        timeout_ms: 60_000,
        what: 'the bucket to be empty',
        seen: () => `${keys.join('\n')}\n${system.logs()}`,
      })
    })
  },
)

function s3At(endpoint: string) {
  return {
    endpoint,
    bucket: BUCKET,
    access_key_id: 'test',
    secret_access_key: 'test',
    region: 'us-east-1',
    prefix: '',
    scratch_bytes: 1024 ** 3,
  }
}
