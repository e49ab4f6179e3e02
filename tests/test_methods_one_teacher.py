"""Methods of one teacher: each loss against its formula, worked out another way in float64."""

import sys
from itertools import product

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist, squareform
from scipy.special import expit, log_softmax, rel_entr, softmax
from scipy.stats import pearsonr, zscore

from roskdbench import Batch, Equal, FormerStudents, Output, Setting, TrainingFacts, Widths
from roskdbench.method import make_method
from roskdbench.plugins import discover
from roskdbench.suite.protocol import Protocol

B, C, F = 6, 5, 7


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(scope="module")
def make():
    registry = discover()

    def make(name, **parameters):
        return make_method(registry, name, parameters)

    return make


def batch(task="single-label", student=None, teacher=None, **rest):
    """A step whose student and teacher answer the same of any images."""
    student = student or Output(2 * draw(B, C))
    teacher = teacher or Output(2 * draw(B, C, seed=1))
    findings = (draw(len(student.logits), C, seed=2) > 0).double()
    fields = {
        "task": task,
        "images": torch.zeros(len(student.logits), 1, 4, 4),
        "targets": torch.arange(len(student.logits)) % C if task == "single-label" else findings,
        "ask": lambda images: student,
        "ask_teachers": lambda images: (teacher,),
        "teacher_logits": teacher.logits[None],
        "samples": torch.arange(len(student.logits)),
        "epoch": 0,
        "step": 0,
        "seed": 7,
        "weigher": Equal().begin(Setting(1, C, F, torch.device("cpu"), 0)),
        "student": lambda images: student.logits,
        "progress": 0.5,
    }
    return Batch(**{**fields, **rest})


def facts(task="single-label", targets=None, student=(), teacher=()):
    return TrainingFacts(
        task=task,
        classes=C,
        targets=torch.arange(B) % C if targets is None else targets,
        epochs=2,
        steps=2,
        widths=Widths(F, student),
        teacher_widths=(Widths(F + 1, teacher),),
        network=lambda purpose: None,
        device=torch.device("cpu"),
    )


def cross_entropy(step):
    """The mean over examples, of labels that are class numbers."""
    return np.mean([-log_softmax(row)[label] for row, label in zip(step.student_logits, step.targets, strict=True)])


def binary_cross_entropy(step):
    """The mean over examples of the mean over findings that are known."""
    p, y = expit(step.student_logits.numpy()), step.targets.numpy()
    return np.nanmean(np.where(np.isnan(y), np.nan, -(y * np.log(p) + (1 - y) * np.log(1 - p))), axis=1).mean()


def answers(logits_seed=0, features=None, maps=None):
    return Output(2 * draw(B, C, seed=logits_seed), features, maps)


def close(found, wanted):
    assert found.ndim == 0
    assert found.item() == pytest.approx(float(wanted), rel=1e-9)


class TestDKD:
    """Decoupled target and non-target knowledge."""

    def decoupled(self, step, temperature):
        """KL of the label's class against the others, and among the others, by example."""
        q, p = (softmax(z.numpy() / temperature, -1) for z in (step.teacher_logits[0], step.student_logits))
        target, others = [], []
        for q_row, p_row, label in zip(q, p, step.targets.tolist(), strict=True):
            pair = [np.array([row[label], 1 - row[label]]) for row in (q_row, p_row)]
            rest = [np.delete(row, label) / (1 - row[label]) for row in (q_row, p_row)]
            target.append(rel_entr(*pair).sum())
            others.append(rel_entr(*rest).sum())
        return np.array(target), np.array(others), q[np.arange(len(q)), step.targets]

    def test_its_loss_is_the_papers(self, make):
        step = batch()
        target, others, _ = self.decoupled(step, 4.0)
        close(make("dkd").loss(step), cross_entropy(step) + 16 * (target.mean() + 8 * others.mean()))
        method = make("dkd", target_weight=0.3, others_weight=2.0, temperature=1.5)
        target, others, _ = self.decoupled(step, 1.5)
        close(method.loss(step), cross_entropy(step) + 2.25 * (0.3 * target.mean() + 2 * others.mean()))

    def test_weighted_by_the_chance_of_the_others_it_is_plain_distillation(self, make):
        for row in range(B):
            one = [Output(each[row : row + 1]) for each in (2 * draw(B, C), 2 * draw(B, C, seed=1))]
            step = batch(student=one[0], teacher=one[1], targets=torch.tensor([row % C]))
            chance = float(self.decoupled(step, 4.0)[2][0])
            method = make("dkd", target_weight=1.0, others_weight=1 - chance)
            close(method.loss(step), cross_entropy(step) + 16 * step.divergences(4.0).item())

    def test_the_teacher_comes_in_during_the_warmup(self, make):
        method = make("dkd", warmup=0.2)
        hard = cross_entropy(batch())
        losses = [method.loss(batch(progress=progress)).item() - hard for progress in (0.0, 0.05, 0.2, 0.9)]
        assert losses[0] == pytest.approx(0, abs=1e-12)
        assert losses[1] == pytest.approx(losses[2] / 4)
        assert losses[3] == pytest.approx(losses[2])

    def test_a_mixed_label_is_the_class_with_the_largest_share(self, make):
        plain = batch()
        shares = 0.6 * torch.eye(C)[plain.targets] + 0.4 * torch.eye(C)[(plain.targets + 1) % C]
        mixed = batch(targets=shares)
        method = make("dkd")
        soft = method.loss(mixed) - mixed.hard_loss()
        torch.testing.assert_close(soft, method.loss(plain) - plain.hard_loss())

    def test_extreme_logits_stay_finite(self, make):
        logits = torch.tensor([[200.0, -200.0, 0.0]], requires_grad=True)
        step = batch(
            student=Output(logits), teacher=Output(torch.tensor([[-300.0, 300.0, 0.0]])), targets=torch.tensor([0])
        )
        loss = make("dkd").loss(step)
        loss.backward()
        assert torch.isfinite(loss)
        assert torch.isfinite(logits.grad).all()


class TestDIST:
    """Correlations over classes and over examples."""

    @pytest.mark.parametrize(("task", "chances"), [("single-label", lambda z: softmax(z, -1)), ("multi-label", expit)])
    @pytest.mark.parametrize("temperature", [1.0, 4.0])
    def test_its_loss_is_one_minus_pearsons_correlations(self, make, task, chances, temperature):
        step = batch(task)
        p, q = (chances(z.numpy() / temperature) for z in (step.student_logits, step.teacher_logits[0]))
        inter = np.mean([1 - pearsonr(p[row], q[row])[0] for row in range(B)])
        intra = np.mean([1 - pearsonr(p[:, column], q[:, column])[0] for column in range(C)])
        hard = cross_entropy(step) if task == "single-label" else binary_cross_entropy(step)
        method = make("dist", temperature=temperature, inter_weight=2.0, intra_weight=0.7)
        assert method.loss(step).item() == pytest.approx(hard + temperature**2 * (2 * inter + 0.7 * intra), rel=1e-6)

    def test_only_relations_count(self, make):
        """For several findings chances that are all halved are as correlated as before."""
        teacher = 2 * draw(B, C)
        halved = torch.logit(teacher.sigmoid() / 2)
        step = batch("multi-label", student=Output(halved), teacher=Output(teacher))
        assert make("dist").loss(step).item() == pytest.approx(binary_cross_entropy(step), abs=1e-6)

    def test_unknown_findings_are_left_out_of_the_labels_only(self, make):
        targets = batch("multi-label").targets.clone()
        targets[0, :2] = torch.nan
        whole, partly = batch("multi-label"), batch("multi-label", targets=targets)
        soft = make("dist").loss(whole).item() - binary_cross_entropy(whole)
        close(make("dist").loss(partly), binary_cross_entropy(partly) + soft)


class TestLogitStandardisation:
    """Standardised logits."""

    def test_its_loss_is_that_of_z_scores(self, make):
        step = batch()
        teacher, student = (zscore(z.numpy(), axis=1, ddof=1) for z in (step.teacher_logits[0], step.student_logits))
        divergence = rel_entr(softmax(teacher / 2, -1), softmax(student / 2, -1)).sum(1).mean()
        found = make("logit-standardisation").loss(step).item()
        assert found == pytest.approx(0.1 * cross_entropy(step) + 9 * 4 * divergence, rel=1e-5)

    def test_it_does_not_matter_how_large_logits_are(self, make):
        method = make("logit-standardisation", hard_weight=0.0)
        step = batch()
        moved = batch(student=Output(3 * step.student_logits - 5), teacher=Output(0.5 * step.teacher_logits[0] + 2))
        torch.testing.assert_close(method.loss(moved), method.loss(step), rtol=1e-5, atol=0)


def mean_over_cells(maps, height, width):
    """Means over the cells of a grid whose lines fall on whole pixels."""
    examples, channels, high, wide = maps.shape
    return maps.reshape(examples, channels, height, high // height, width, wide // width).mean((3, 5))


class TestFitNet:
    """Hints by a regressor."""

    student = ((3, 8, 8), (4, 4, 4), (6, 2, 2))
    teacher = ((5, 4, 4), (7, 2, 2))

    def step(self, seed=0):
        ours = tuple(draw(B, *shape, seed=seed + number) for number, shape in enumerate(self.student))
        theirs = tuple(draw(B, *shape, seed=seed + 10 + number) for number, shape in enumerate(self.teacher))
        return batch(student=answers(0, maps=ours), teacher=answers(1, maps=theirs))

    @pytest.mark.parametrize(("stage", "compared"), [(1, 1), (2, 2), (4, 2)])
    def test_its_loss_is_the_squared_distance_after_a_normalised_linear_map_of_channels(self, make, stage, compared):
        method = make("fitnet", stage=stage, hint_weight=3.0)
        step = self.step()
        step.state = method.begin(facts(student=self.student, teacher=self.teacher)).double()
        weight, bias = (each.detach().squeeze().numpy() for each in (step.state[0].weight, step.state[0].bias))
        ours, theirs = step.maps[-compared].numpy(), step.teacher_outputs[0].maps[-compared].numpy()
        found = np.einsum("oc,bchw->bohw", weight, ours) + bias[:, None, None]
        mean, variance = (each((0, 2, 3), keepdims=True) for each in (found.mean, found.var))
        found = (found - mean) / np.sqrt(variance + 1e-5)
        close(method.loss(step), cross_entropy(step) + 3 * ((found - theirs) ** 2).mean())

    @pytest.mark.parametrize(("ours", "theirs"), [((6, 4), (3, 2)), ((3, 2), (6, 4)), ((6, 2), (3, 4))])
    def test_the_larger_map_is_pooled(self, make, ours, theirs):
        method = make("fitnet", stage=1)
        maps = draw(B, 2, *ours), draw(B, 3, *theirs, seed=1)
        step = batch(student=answers(0, maps=maps[:1]), teacher=answers(1, maps=maps[1:]))
        step.state = method.begin(facts(student=((2, *ours),), teacher=((3, *theirs),))).double()
        common = min(ours[0], theirs[0]), min(ours[1], theirs[1])
        pooled = [mean_over_cells(each, *common) for each in maps]
        expected = (step.state(pooled[0]) - pooled[1]).square().mean()
        close(method.loss(step), cross_entropy(step) + 100 * expected.item())

    @pytest.mark.parametrize("sizes", [(7, 5, 3, 3), (14, 14, 4, 6), (3, 3, 1, 1)])
    @pytest.mark.parametrize("name", ["fitnet", "attention-transfer"])
    def test_its_pooling_is_torchs(self, make, name, sizes):
        high, wide, height, width = sizes
        resized = sys.modules[type(make(name)).__module__].resized
        maps = draw(2, 3, high, wide)
        torch.testing.assert_close(
            resized(maps, (height, width)), torch.nn.functional.adaptive_avg_pool2d(maps, (height, width))
        )

    def test_the_regressor_learns_and_the_student_through_it(self, make):
        method = make("fitnet")
        step = self.step()
        ours = [each.requires_grad_() for each in step.maps]
        step.state = method.begin(facts(student=self.student, teacher=self.teacher)).double()
        method.loss(step).backward()
        assert step.state[0].weight.grad.abs().sum() > 0
        assert [each.grad is not None for each in ours] == [False, True, False]


class TestAttentionTransfer:
    """Where maps are active."""

    def attention(self, maps):
        """By example: mean squares over channels, as one vector of length 1."""
        found = []
        for example in maps.numpy():
            squares = sum(channel**2 for channel in example).ravel() / len(example)
            found.append(squares / np.sqrt((squares**2).sum()))
        return np.array(found)

    def test_its_loss_is_the_papers_over_stages_from_the_coarsest(self, make):
        ours = draw(B, 3, 8, 8), draw(B, 4, 4, 4, seed=1), draw(B, 6, 2, 2, seed=2)
        theirs = draw(B, 5, 2, 4, seed=3), draw(B, 7, 2, 2, seed=4)
        step = batch(student=answers(0, maps=ours), teacher=answers(1, maps=theirs))
        pairs = [(ours[2], theirs[1]), (mean_over_cells(ours[1], 2, 4), theirs[0])]
        wanted = sum(((self.attention(one) - self.attention(other)) ** 2).mean() for one, other in pairs)
        close(make("attention-transfer").loss(step), cross_entropy(step) + 1000 * wanted)

    def test_neither_scale_nor_order_of_channels_counts(self, make):
        maps = draw(B, 4, 3, 3)
        step = batch(student=answers(0, maps=(maps,)), teacher=answers(1, maps=(7 * maps.flip(1),)))
        close(make("attention-transfer").loss(step), cross_entropy(step))


class TestRKD:
    """Distances and angles."""

    def relations(self, features):
        """By loops: distances over their mean, and cosines at each corner."""
        points = features.numpy()
        distances = squareform(pdist(points)) / pdist(points).mean()
        cosines = np.zeros((len(points),) * 3)
        for corner, one, other in product(range(len(points)), repeat=3):
            if corner not in (one, other):
                sides = points[one] - points[corner], points[other] - points[corner]
                cosines[corner, one, other] = np.dot(*sides) / np.prod([np.linalg.norm(side) for side in sides])
        return distances, cosines

    def huber(self, one, other):
        apart = np.abs(one - other)
        return np.where(apart < 1, apart**2 / 2, apart - 0.5).mean()

    def test_its_loss_is_the_papers(self, make):
        step = batch(student=answers(0, draw(B, F, seed=3) ** 3), teacher=answers(1, draw(B, F + 1, seed=4)))
        (d, a), (e, b) = (self.relations(each) for each in (step.features, step.teacher_outputs[0].features))
        assert (np.abs(d - e) > 1).any()  # both branches of Huber's loss are met
        close(make("rkd").loss(step), cross_entropy(step) + 25 * self.huber(d, e) + 50 * self.huber(a, b))

    def test_turning_moving_and_stretching_features_changes_nothing(self, make):
        features = draw(B, F)
        turned = 3 * features @ torch.linalg.qr(draw(F, F, seed=1))[0] - 2
        step = batch(student=answers(0, features), teacher=answers(1, turned))
        close(make("rkd").loss(step), cross_entropy(step))

    @pytest.mark.parametrize("alike", [2, B])
    def test_examples_that_are_alike_leave_the_gradient_finite(self, make, alike):
        features = draw(B, F)
        features[:alike] = features[0]
        features.requires_grad_()
        step = batch(student=answers(0, features), teacher=answers(1, draw(B, F)))
        loss = make("rkd").loss(step)
        loss.backward()
        assert torch.isfinite(loss)
        assert features.grad.abs().max() < 1e3


class TestSP:
    """Similarities between examples."""

    def test_its_loss_is_the_papers(self, make):
        ours = draw(B, 3, 4, 4), draw(B, 4, 2, 2, seed=1)
        theirs = (draw(B, 5, 3, 3, seed=2),)
        step = batch(student=answers(0, maps=ours), teacher=answers(1, maps=theirs))
        similar = []
        for maps in (ours[-1].numpy(), theirs[-1].numpy()):
            table = np.array([[(one * other).sum() for other in maps] for one in maps])
            similar.append(table / np.sqrt((table**2).sum(1, keepdims=True)))
        total = sum((one - other) ** 2 for one, other in zip(*(each.ravel() for each in similar), strict=True))
        close(make("sp").loss(step), cross_entropy(step) + 3000 / B**2 * total)

    def test_maps_that_are_turned_and_stretched_are_as_similar(self, make):
        maps = draw(B, 3, 2, 2)
        turned = (2 * maps.flatten(1) @ torch.linalg.qr(draw(12, 12, seed=1))[0]).reshape(B, 12, 1, 1)
        step = batch(student=answers(0, maps=(maps,)), teacher=answers(1, maps=(turned,)))
        close(make("sp").loss(step), cross_entropy(step))


class TestCRD:
    """Samples told apart, with memories."""

    samples, drawn = 9, 4

    def begun(self, make, task="single-label", **parameters):
        torch.manual_seed(5)
        labels = torch.arange(self.samples) % 3
        targets = labels if task == "single-label" else (draw(self.samples, C) > 0).to(torch.uint8)
        method = make("crd", dimensions=3, **parameters)
        return method, method.begin(facts(task, targets)).double(), labels

    def step(self, state, number, task="single-label"):
        order = torch.randperm(self.samples, generator=torch.Generator().manual_seed(number))
        logits = 2 * draw(self.drawn, C, seed=number), 2 * draw(self.drawn, C, seed=50 + number)
        features = draw(self.drawn, F, seed=60 + number), draw(self.drawn, F + 1, seed=70 + number)
        student, teacher = (Output(*each) for each in zip(logits, features, strict=True))
        return batch(task, student, teacher, state=state, positions=order[: self.drawn], step=number)

    def vectors(self, side, features):
        found = features.numpy() @ side.weight.detach().numpy().T + side.bias.detach().numpy()
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    @pytest.mark.parametrize("negatives", [5, 16384])
    @pytest.mark.parametrize("task", ["single-label", "multi-label"])
    def test_its_loss_and_memories_are_the_authors_over_some_steps(self, make, task, negatives):
        """P = exp(<v, m> / t) / Z; -log P+ / (P+ + N/n) and, for each of N others, -log (N/n) / (P + N/n)."""
        method, state, labels = self.begun(make, task, negatives=negatives)
        memory = {name: state.get_submodule(name).memory.numpy().copy() for name in ("student", "teacher")}
        counted = min(negatives, self.samples)
        noise = counted / self.samples
        z = {}
        for number in range(4):
            step = self.step(state, number, task)
            positions = step.positions.tolist()
            features = {"student": step.features, "teacher": step.teacher_outputs[0].features}
            vectors = {name: self.vectors(state.get_submodule(name), each) for name, each in features.items()}
            total = 0.0
            for name, other in (("student", "teacher"), ("teacher", "student")):
                scores = np.exp(vectors[name] @ memory[other].T / 0.07)
                z.setdefault(name, scores.mean() * self.samples)
                for row, own in enumerate(positions):
                    chance = scores[row] / z[name]
                    if task == "single-label":
                        others = [each for each in range(self.samples) if labels[each] != labels[own]]
                    else:
                        others = [each for each in range(self.samples) if each != own]
                    away = [-np.log(noise / (chance[each] + noise)) for each in others]
                    total += -np.log(chance[own] / (chance[own] + noise)) + counted * np.mean(away)
            hard = cross_entropy(step) if task == "single-label" else binary_cross_entropy(step)
            close(method.loss(step), hard + 0.8 * total / self.drawn)
            method.loss(step)  # asked again, as some steppings do: nothing is taken in twice
            with torch.no_grad():
                method.after_step(step)
            for name, rows in vectors.items():
                for row, own in zip(rows, positions, strict=True):
                    mixed = 0.5 * memory[name][own] + 0.5 * row
                    memory[name][own] = mixed / np.linalg.norm(mixed)
                np.testing.assert_allclose(state.get_submodule(name).memory.numpy(), memory[name], rtol=1e-10)

    def test_it_is_the_mean_over_negatives_that_are_drawn(self, make):
        """The sum over N others drawn at random, as the authors have it, is the same on average."""
        method, state, labels = self.begun(make, negatives=5, contrast_weight=1.0)
        step = self.step(state, 0)
        found = method.loss(step).item() - cross_entropy(step)
        random, draws, noise = np.random.default_rng(0), 20_000, 5 / self.samples
        total = 0.0
        sides = (state.student, step.features, state.teacher), (state.teacher, step.teacher_outputs[0].features, None)
        for side, features, other in sides:
            memory = (other or state.student).memory.numpy()
            chance = np.exp(self.vectors(side, features) @ memory.T / 0.07) / side.normaliser.item()
            for row, own in enumerate(step.positions.tolist()):
                others = np.flatnonzero((labels != labels[own]).numpy())
                chosen = chance[row][random.choice(others, (draws, 5))]
                total += -np.log(chance[row, own] / (chance[row, own] + noise))
                total += np.log((chosen + noise) / noise).sum(1).mean()
        assert found == pytest.approx(total / self.drawn, rel=0.02)

    def test_both_linear_maps_learn_and_no_gradient_reaches_a_memory(self, make):
        method, state, _ = self.begun(make)
        method.loss(self.step(state, 0)).backward()
        assert all(each.grad.abs().sum() > 0 for each in state.parameters())
        assert {name for name, _ in state.named_parameters()} == {
            f"{side}.{part}" for side in ("student", "teacher") for part in ("weight", "bias")
        }

    def test_a_memory_begins_with_vectors_about_as_long_as_those_it_will_hold(self, make):
        many = facts(targets=torch.arange(2000) % C)
        lengths = make("crd").begin(many).student.memory.norm(dim=1)
        assert lengths.mean().item() == pytest.approx(1, abs=0.01)


class TestBornAgain:
    """Generations of one network."""

    def test_its_teacher_was_taught_by_a_former_student_that_learnt_from_labels(self, make):
        (last,) = make("born-again").teachers.slots(Protocol(), 0.4)
        assert (last.network, last.taught_by) == ("student", FormerStudents(generations=1))
        (first,) = last.taught_by.slots(Protocol(), 0.4)
        assert (first.network, first.taught_by, first.method) == ("student", None, None)

    def test_it_learns_from_its_former_self_alone(self, make):
        step = batch()
        q, p = (softmax(z.numpy(), -1) for z in (step.teacher_logits[0], step.student_logits))
        divergence = rel_entr(q, p).sum(1).mean()
        close(make("born-again").loss(step), divergence)
        close(make("born-again", alpha=0.5).loss(step), (divergence + cross_entropy(step)) / 2)


class TestMLD:
    """Each finding apart."""

    def test_its_loss_adds_up_over_findings(self, make):
        method = make("mld")
        step = batch("multi-label", soft_loss=method.soft_loss)
        p, q, y = (
            each.numpy() for each in (step.student_logits.sigmoid(), step.teacher_logits[0].sigmoid(), step.targets)
        )
        hard = -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum(1).mean()
        soft = (rel_entr(q, p) + rel_entr(1 - q, 1 - p)).sum(1).mean()
        close(method.loss(step), hard + 10 * soft)

    def test_the_teacher_is_heard_of_findings_that_are_unknown(self, make):
        method, unknown = make("mld"), torch.full((B, C), torch.nan, dtype=torch.float64)
        step = batch("multi-label", targets=unknown, soft_loss=method.soft_loss)
        q, p = step.teacher_logits[0].sigmoid().numpy(), step.student_logits.sigmoid().numpy()
        close(method.loss(step), 10 * (rel_entr(q, p) + rel_entr(1 - q, 1 - p)).sum(1).mean())

    def test_it_is_for_several_findings_only(self, make):
        assert make("mld").tasks == ("multi-label",)


def test_gce_teacher_is_plain_distillation_from_another_teacher(make):
    gce, plain = make("gce-teacher"), make("baseline-ii")
    (slot,) = gce.teachers.slots(Protocol(), 0.4)
    assert (slot.method.method, slot.subset) == ("gce", None)
    assert gce.training_declaration() == plain.training_declaration()


@pytest.mark.parametrize("name", ["fitnet", "attention-transfer", "rkd", "sp", "crd"])
def test_what_a_mixed_precision_gives_is_compared_in_that_of_the_logits(make, name):
    """Features and maps may come in bfloat16 where logits are in float32."""
    maps = draw(B, 3, 4, 4).bfloat16(), draw(B, 3, 2, 2).bfloat16()
    student = Output(draw(B, C).float(), draw(B, F).bfloat16(), maps)
    teacher = Output(draw(B, C, seed=1).float(), draw(B, F + 1, seed=2).bfloat16(), tuple(each + 1 for each in maps))
    method, shapes = make(name), ((3, 4, 4), (3, 2, 2))
    state = method.begin(facts(student=shapes, teacher=shapes))
    step = batch(student=student, teacher=teacher, state=state, positions=torch.arange(B))
    wide = [
        Output(each.logits, each.features.float(), tuple(stage.float() for stage in each.maps))
        for each in (student, teacher)
    ]
    same = batch(student=wide[0], teacher=wide[1], state=state, positions=torch.arange(B))
    found = method.loss(step)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, method.loss(same))


def test_they_stand_under_one_teacher(make):
    names = ["dkd", "dist", "logit-standardisation", "fitnet", "attention-transfer", "rkd", "sp", "crd", "born-again"]
    assert {type(make(name)).listed_under() for name in [*names, "mld", "gce-teacher"]} == {"one teacher"}
