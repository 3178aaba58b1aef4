import { ChainAnswer, CreateChain } from '@copr/contract/api/chains'
import { cancelChain } from '@copr/domain/builds/cancel-chain'
import { type ChainReport, chainReport } from '@copr/domain/chains/chain-report'
import { createChain, startChain } from '@copr/domain/chains/chains'
import { findProjectById, type Project } from '@copr/domain/projects/project-queries'
import { CoprError } from '@copr/process/errors'
import type { Frontend } from '../frontend.ts'
import { readOptions, type SentForm, targetOfForm } from '../builds/build-request.ts'
import { readUrls, submitUrls } from '../builds/submit-urls.ts'
import { type Api, answer, open, pathPart, type UserRequest } from '../http/answer.ts'
import { inProjectOf } from '../http/in-project.ts'

/** Serves chains, which Copr's API does not have. */
export function chainRoutes(api: Api): void {
  const { frontend } = api
  const { db, now } = frontend

  answer(api, '/chain/create', {
    POST: inProjectOf(
      targetOfForm(readPackages),
      {
        summary: 'Create a chain of builds; with URLs in pkgs, also submit and start them',
        access: 'build',
        scope: 'build',
        body: CreateChain,
        answer: ChainAnswer,
      },
      async (c, { user, project, urls, options }) => {
        const chain_id = await createChain(db, project.id, now())
        if (urls.length > 0)
          try {
            await submitUrls(frontend, { user, project, urls, options: { ...options, chain_id } })
            await startChain(db, chain_id, now())
          } catch (error) {
            await cancelChain(db, user, chain_id, now())
            throw error
          }
        return c.json(present(await requireChain(frontend, chain_id)))
      },
    ),
  })

  answer(api, '/chain/start/:chain_id{[0-9]+}', {
    PUT: inProjectOf(
      chainOfPath,
      {
        summary: 'Start an open chain',
        access: 'build',
        scope: 'build',
        answer: ChainAnswer,
      },
      async (c, { id }) => {
        await startChain(db, id, now())
        return c.json(present(await requireChain(frontend, id)))
      },
    ),
  })

  answer(api, '/chain/cancel/:chain_id{[0-9]+}', {
    PUT: inProjectOf(
      chainOfPath,
      {
        summary: 'Cancel the unfinished builds of a chain',
        access: 'build',
        scope: 'build',
        answer: ChainAnswer,
      },
      async (c, { id, user }) => {
        await cancelChain(db, user, id, now())
        return c.json(present(await requireChain(frontend, id)))
      },
    ),
  })

  answer(api, '/chain/:chain_id{[0-9]+}', {
    GET: open(
      { summary: 'The builds of a chain, their order, and cycles', answer: ChainAnswer },
      async (c) => c.json(present(await requireChain(frontend, Number(pathPart(c, 'chain_id'))))),
    ),
  })
}

/** Parses the form of a new chain, in which the URLs are optional. */
async function readPackages(frontend: Frontend, sent: SentForm) {
  const { pkgs, chain_id: _, ...form } = sent.form
  const isEmpty = pkgs === undefined || pkgs === '' || (Array.isArray(pkgs) && pkgs.length === 0)
  return isEmpty
    ? { urls: [], ...(await readOptions(frontend, { ...sent, form })) }
    : await readUrls(frontend, { ...sent, form: { ...form, pkgs } })
}

async function chainOfPath({
  c,
  frontend,
}: UserRequest): Promise<{ project: Project; id: number }> {
  const id = Number(pathPart(c, 'chain_id'))
  const { chain } = await requireChain(frontend, id)
  const project = await findProjectById(frontend.db, chain.project_id)
  if (!project) throw notFound(id)
  return { project, id }
}

async function requireChain({ db }: Pick<Frontend, 'db'>, id: number): Promise<ChainReport> {
  const report = await chainReport(db, id)
  if (!report) throw notFound(id)
  return report
}

function notFound(id: number): CoprError {
  return new CoprError('not_found', `Chain ${id} does not exist`)
}

function present({ chain, chroots, builds, ...report }: ChainReport): ChainAnswer {
  return {
    id: chain.id,
    ...report,
    created_on: secondsOf(chain.created_at),
    started_on: secondsOf(chain.started_at),
    ended_on: secondsOf(chain.ended_at),
    builds: builds.map(({ package_name, ...build }) => ({ ...build, package: package_name })),
    chroots: chroots.map(({ name, packages, cycles }) => ({
      name,
      packages: packages.map(({ package_name, state_reason, needs, ...rest }) => ({
        ...rest,
        package: package_name,
        reason: state_reason,
        needs: needs.map(({ package_name: needed, ...need }) => ({ ...need, package: needed })),
      })),
      cycles,
    })),
  }
}

function secondsOf(moment: Date | null): number | null {
  return moment && Math.floor(moment.getTime() / 1000)
}
