import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import { CoprError } from '@copr/process/errors'
import { run } from '@copr/process/run'
import { fitPodman } from './fit-podman.ts'

const IMAGE = 'localhost/copr-server:latest'
const POD = `copr-test-fit-${process.pid}`
const stop = new AbortController().signal
const env = { PATH: process.env['PATH'], HOME: process.env['HOME'] }

const skip = await whyNoImage()

async function whyNoImage(): Promise<string | false> {
  try {
    const found = await run('podman', ['image', 'exists', IMAGE])
    return found.ok ? false : `needs ${IMAGE}: make images`
  } catch {
    return 'needs podman'
  }
}

suite('fitPodman()', { skip }, () => {
  after(async () => {
    await run('podman', ['pod', 'rm', '--force', '--time', '0', POD])
  })

  test('a pod starts without a podman configuration, within the limits of the machine', async () => {
    using fitted = await fitPodman(env, { image: IMAGE, stop })
    const script = 'console.log(require("node:fs").readFileSync("/proc/self/limits", "utf8"))'
    const command = ['/usr/local/bin/node', '-e', script]
    const container = { name: 'one', image: IMAGE, imagePullPolicy: 'IfNotPresent', command }
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: POD },
      spec: { restartPolicy: 'Never', containers: [container] },
    }
    const { podman } = fitted
    await podman.run(['kube', 'play', '--quiet', '--network', 'none', '-'], {
      input: JSON.stringify(pod),
    })
    await podman.run(['wait', `${POD}-one`])
    assert.match(await podman.run(['logs', `${POD}-one`]), /^Max open files +\d+ +\d+/m)
  })

  test('a runtime that cannot start containers is replaced by runc, with a note', async () => {
    const broken = { ...env, PODMAN_ARGS: '--runtime /bin/false' }
    using fitted = await fitPodman(broken, { image: IMAGE, stop })
    assert.match(
      fitted.remark ?? '',
      /^podman's runtime cannot start containers here \(.*\): runc is used instead$/,
    )
  })

  test('fitPodman() throws an error with a command to try if no runtime can start containers', async () => {
    const none = 'localhost/copr-no-such-image:latest'
    await assert.rejects(fitPodman(env, { image: none, stop }), (error) => {
      assert.ok(error instanceof CoprError)
      assert.match(
        error.message,
        /^Cannot run containers on this machine, neither with podman's runtime nor with runc: .*; "podman run --rm localhost\/copr-no-such-image:latest --version" must work first$/,
      )
      return true
    })
  })
})
