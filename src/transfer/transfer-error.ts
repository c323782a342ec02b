import { StartError } from '../system-error.ts'

/** Users and tasks cannot be copied or erased, and nothing was changed; the message is for whoever asked for it. */
export class TransferError extends StartError {}
