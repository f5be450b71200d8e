import type { ClientIndex } from "../../registry/client-index";
import type { ChangeContext, RegistryWriter, WriterOptions } from "../../registry/writer";
import type { Results } from "../answers";
import type { Checked, Operation } from "../protocol";

/** What an operation works with. */
export interface OperationContext {
  /** The registry's folder, and the servers' own beside it. */
  readonly root: string;
  readonly runtime: string;
  readonly now: Date;
  readonly writer: RegistryWriter;
  /** How it works, for steps that have a writer of their own. */
  readonly writerOptions: WriterOptions;
  readonly index: ClientIndex;
  /** Who asks and by which request, for the audit log. */
  readonly change: ChangeContext;
}

/** What an operation answers: the registry's revision after it, and the result. */
export interface Answer<O extends Operation> {
  readonly revision: number;
  readonly result: Results[O];
}

/** One operation. It throws RegistryError, or the file system's errors. */
export type Perform<O extends Operation> = (
  input: Checked<O>,
  context: OperationContext,
) => Promise<Answer<O>>;
