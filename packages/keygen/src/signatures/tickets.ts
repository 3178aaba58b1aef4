import { createHash } from 'node:crypto'
import { CoprError } from '@copr/process/errors'
import { sql } from 'kysely'
import type { Db } from '../key-table.ts'

/** The scope of a ticket: the packages of a build chroot, or the index of a repository. */
export interface Ticket {
  ownername: string
  projectname: string
  build_id: number | null
  task_id: string | null
  repository_id: number | null
}

/** Redeems a ticket; returns undefined when it is unknown, was used, has expired, or was issued for other digests. */
export type RedeemTicket = (
  db: Db,
  ticket: string,
  digests: readonly string[],
) => Promise<Ticket | undefined>

/**
 * Redeems a ticket that was issued in the queue's database. The SQL function is the only object of that database that keygen can access;
 * keygen needs no right there except to execute it.
 */
export const redeemTicket: RedeemTicket = async (db, ticket, digests) => {
  const wanted = createHash('sha256').update(digests.join('\n')).digest()
  const { rows } = await sql<Ticket>`
    select ownername, projectname, build_id::float8, task_id, repository_id::float8
    from public.redeem_sign_ticket(${ticket}::uuid, ${wanted}::bytea)`.execute(db)
  return rows[0]
}

/** Redeems the ticket of a request; throws if it is not valid. */
export async function requireTicket(
  db: Db,
  redeem: RedeemTicket,
  {
    owner,
    project,
    ticket,
    digests,
  }: { owner: string; project: string; ticket: string; digests: string[] },
): Promise<Ticket> {
  const found = await redeem(db, ticket, digests)
  if (!found || found.ownername !== owner || found.projectname !== project)
    throw new CoprError(
      'forbidden',
      `Cannot sign for ${owner}/${project}: the ticket was already used, has expired, or is for something else`,
    )
  return found
}
