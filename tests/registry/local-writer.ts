import type { ClientFile } from "../../registry/schema";
import { type NewClient, RegistryWriter, type WriterOptions } from "../../registry/writer";

/** A writer for tests that care about the clients, not about who changes them and to which revision. */
export class LocalWriter {
  private readonly writer: RegistryWriter;

  constructor(root: string, options?: WriterOptions) {
    this.writer = new RegistryWriter(root, options);
  }

  async add(client: NewClient): Promise<ClientFile> {
    return (await this.writer.add(client, { who: "test" })).value;
  }

  async revoke(name: string): Promise<ClientFile> {
    return (await this.writer.revoke(name, { who: "test" })).value;
  }

  async restore(name: string): Promise<ClientFile> {
    return (await this.writer.restore(name, { who: "test" })).value;
  }

  async remove(name: string): Promise<void> {
    await this.writer.remove(name, { who: "test" });
  }
}
