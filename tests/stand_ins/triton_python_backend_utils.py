"""What `preprocess` uses of the module that Triton gives its Python models."""


class Tensor:
    def __init__(self, name, array):
        self.name, self.array = name, array

    def as_numpy(self):
        return self.array


class TritonError:
    INVALID_ARG = 2

    def __init__(self, message, code):
        self.message, self.code = message, code


class InferenceResponse:
    def __init__(self, output_tensors, error=None):
        self.outputs, self.error = output_tensors, error


def get_input_tensor_by_name(request, name):
    (tensor,) = (each for each in request if each.name == name)
    return tensor
