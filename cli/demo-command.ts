/** `wgc demo`: the whole cluster on this machine, in about a minute, from the plan to a revoked client. */
import type { Command } from "commander";
import pc from "picocolors";
import { enterLab, type RunningLab } from "../lab/enter";
import { checkMachine } from "../lab/machine-check";
import { patient } from "../lab/patience";
import type { LabEvent, LabStatus } from "../lab/status";
import { type Measured, type Stage, Story, type StoryStep } from "../lab/story";
import { runPlan } from "../plan";
import { type DemoView, renderDemo, renderSummary, type StepView } from "./demo-view";
import { duration, print, printJson, say } from "./output";
import { ensurePrograms } from "./system-packages";
import { commandInVm } from "./vm";

interface DemoOptions {
  stack: string;
  json?: boolean;
  yes?: boolean;
  vm?: boolean;
}

interface StepResult {
  step: StoryStep;
  milliseconds: number;
  measured: Measured[];
}

const FRAME_MS = 120;

type LogUpdate = typeof import("log-update", { with: { "resolution-mode": "import" }}).default;

/** The terminal to repaint, when there is one. The package is an ES module, hence the dynamic import. */
async function openTerminal(): Promise<LogUpdate | undefined> {
  if (!process.stdout.isTTY || !process.stderr.isTTY) return undefined;
  return (await import("log-update")).default;
}

/** Shows the story as it goes: a picture that repaints itself on a terminal, one line a happening elsewhere. */
class Screen {
  private readonly began = performance.now();
  private readonly events: LabEvent[] = [];
  private readonly views: StepView[];
  private readonly live: boolean;
  private timer: NodeJS.Timeout | undefined;
  private frame = 0;
  private stepBegan = 0;
  status: LabStatus | undefined;

  /** @param terminal repaints the picture in place; undefined where standard output is not a terminal */
  constructor(
    steps: StoryStep[],
    private readonly terminal: LogUpdate | undefined,
  ) {
    this.live = terminal !== undefined;
    this.views = steps.map((step) => ({ step, state: "waiting", milliseconds: 0 }));
    if (this.live) this.timer = setInterval(() => this.paint(), FRAME_MS);
  }

  event(event: LabEvent): void {
    this.events.push({ ...event, at: performance.now() - this.began });
    if (!this.live) say(event.text);
  }

  step(name: string, state: StepView["state"]): void {
    const view = this.views.find((candidate) => candidate.step.name === name);
    if (!view) return;
    view.state = state;
    if (state === "running") {
      this.stepBegan = performance.now();
      if (!this.live) say(pc.bold(`${view.step.title} ...`));
    } else {
      view.milliseconds = performance.now() - this.stepBegan;
      if (!this.live && state === "done") say(`${view.step.title}: done in ${duration(view.milliseconds)}`);
    }
  }

  close(): void {
    clearInterval(this.timer);
    if (!this.terminal) return;
    this.paint();
    this.terminal.done();
  }

  private paint(): void {
    this.frame += 1;
    const running = this.views.find((view) => view.state === "running");
    if (running) running.milliseconds = performance.now() - this.stepBegan;
    const view: DemoView = {
      elapsed: performance.now() - this.began,
      steps: this.views,
      status: this.status,
      events: this.events,
      width: process.stdout.columns ?? 80,
      frame: this.frame,
    };
    this.terminal?.(renderDemo(view));
  }
}

/** The demo's own lab: opened by the story, ended whatever happens. */
class DemoStage implements Stage {
  private lab: RunningLab | undefined;
  private latest: LabStatus | undefined;
  private readonly watchers = new Set<(status: LabStatus) => void>();
  private readonly losers = new Set<(error: Error) => void>();
  screen: Screen | undefined;

  constructor(
    private readonly project: string,
    private readonly stack: string,
    private readonly tools: string | undefined,
  ) {}

  plan = () => runPlan({ projectDir: this.project, stack: this.stack, mode: "resolved" });

  async open(plan: Awaited<ReturnType<typeof runPlan>>) {
    this.lab = await enterLab(`demo-${process.pid}`, plan, {
      project: this.project,
      detached: false,
      replaceUnhealthy: true,
      ...(this.tools ? { tools: this.tools } : {}),
    });
    this.lab.client.on<LabEvent>("log", (event) => this.screen?.event(event));
    this.lab.client.on<LabStatus>("status", (status) => this.take(status));
    this.lab.client.onClose = () => {
      for (const lose of [...this.losers]) lose(new Error("the lab ended unexpectedly"));
    };
    return this.lab.client;
  }

  status = () => this.latest;

  until(fits: (status: LabStatus) => boolean, what: string, limit: number): Promise<LabStatus> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        clearTimeout(timer);
        this.watchers.delete(watcher);
        this.losers.delete(lose);
        settle();
      };
      const lose = (error: Error): void => end(() => reject(error));
      const watcher = (status: LabStatus): void => {
        if (fits(status)) end(() => resolve(status));
      };
      const timer = setTimeout(
        () => lose(new Error(`waited ${patient(limit) / 1000} s for ${what}`)),
        patient(limit),
      );
      this.watchers.add(watcher);
      this.losers.add(lose);
    });
  }

  async close(): Promise<void> {
    await this.lab?.end();
  }

  private take(status: LabStatus): void {
    this.latest = status;
    if (this.screen) this.screen.status = status;
    for (const watcher of [...this.watchers]) watcher(status);
  }
}

async function demo(project: string, options: DemoOptions): Promise<void> {
  if (options.vm) {
    const json = options.json ? ["--json"] : [];
    return commandInVm(project, ["./wgc", "demo", "--stack", options.stack, ...json]);
  }
  const began = performance.now();
  const tools = await ensurePrograms({ project, yes: options.yes === true, optional: false });
  await checkMachine();
  const stage = new DemoStage(project, options.stack, tools);
  const story = new Story(stage);
  const screen = new Screen(story.steps, await openTerminal());
  stage.screen = screen;
  const results: StepResult[] = [];
  const interrupted = async (): Promise<void> => {
    screen.close();
    await stage.close();
    say("interrupted; the lab is gone");
    process.exit(130);
  };
  process.on("SIGINT", () => void interrupted());
  process.on("SIGTERM", () => void interrupted());
  try {
    for (const step of story.steps) {
      screen.step(step.name, "running");
      const from = performance.now();
      try {
        const measured = await step.tell();
        results.push({ step, milliseconds: performance.now() - from, measured });
        screen.step(step.name, "done");
      } catch (error) {
        screen.step(step.name, "failed");
        throw error;
      }
    }
  } finally {
    screen.close();
    await stage.close();
    if (options.json) printJson(summaryJson(options.stack, story, results, performance.now() - began));
  }
  if (options.json) return;
  print(`\n${renderSummary(results)}`);
  print(
    pc.dim(
      `\n${duration(performance.now() - began)} in all; the lab is gone, nothing is left on this machine. Next: ./wgc lab up`,
    ),
  );
}

function summaryJson(stack: string, story: Story, results: StepResult[], milliseconds: number): object {
  return {
    ok: results.length === story.steps.length,
    stack,
    milliseconds,
    steps: story.steps.map((step) => {
      const result = results.find((candidate) => candidate.step === step);
      return {
        name: step.name,
        ok: result !== undefined,
        milliseconds: result?.milliseconds,
        measured: result?.measured ?? [],
      };
    }),
  };
}

/** Adds `wgc demo`. */
export function addDemoCommand(program: Command, project: string): void {
  program
    .command("demo")
    .description("see the whole cluster live on this machine: plan, boot, clients, a dead server, changes")
    .option("-s, --stack <name>", "stack to realise", "dev")
    .option("--json", "print what was measured as JSON")
    .option("-y, --yes", "install missing system packages without asking")
    .option(
      "--vm",
      "in a virtual machine with Debian's kernel, whose WireGuard is then used (slow without KVM)",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  $ ./wgc demo\n  $ ./wgc demo --stack prod\n  $ ./wgc demo --json >demo.json\n  $ ./wgc demo --vm",
    )
    .action((options: DemoOptions) => demo(project, options));
}
