"""e3nn.o3.experimental: products that torch.compile takes, as all of this library's are."""

from intertwine.interop.e3nn.o3.products import ElementwiseTensorProductv2, FullTensorProductv2

__all__ = ["ElementwiseTensorProductv2", "FullTensorProductv2"]
