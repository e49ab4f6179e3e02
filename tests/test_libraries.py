"""What is read from the files of other libraries without importing them is what they have."""


def test_names_of_libraries_are_those_that_the_libraries_have():
    """Read from their files, so that planning need not import torch."""
    import timm
    import torchattacks

    from roskdbench.suite import libraries

    assert libraries._models() == set(timm.list_models())
    classes = {name for name, value in vars(torchattacks).items() if isinstance(value, type)}
    assert classes <= libraries.packaged_attacks() | {"Attack"}
    assert all(issubclass(getattr(torchattacks, name), torchattacks.attack.Attack) or name in ("MultiAttack", "LGV")
               for name in libraries.packaged_attacks())  # fmt: skip
    assert libraries.model_objection("resnet18.a1_in1k") is None
    assert "nothing is downloaded" in libraries.model_objection("hf-hub:somebody/network")


def test_a_network_that_a_method_file_registered_is_known(monkeypatch):
    from timm.models import _registry

    from roskdbench.suite import libraries

    monkeypatch.setitem(_registry._model_entrypoints, "of_ones_own", lambda: None)
    assert libraries.model_objection("of_ones_own") is None
    assert "timm has no model 'of_ones_owm'" in libraries.model_objection("of_ones_owm")
